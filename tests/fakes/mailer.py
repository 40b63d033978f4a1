"""Mail that is kept for tests to read."""

from __future__ import annotations

import re

from app.ports import Mail


class FakeMailer:
    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.sent.append(mail)

    def last_token(self) -> str:
        """Of the link in the newest mail."""
        found = re.search(r"https?://\S+/(\S+)", self.sent[-1].text)
        assert found, self.sent[-1].text
        return found[1]
