"""News within this process, as Valkey carries them between processes; can be out of order."""

from __future__ import annotations

import threading

from app.ports import LiveUnavailable, News, Told


class FakeLive:
    """`told` is all there ever was. Ids count up from `1-0`."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.down = False
        self._changed = threading.Condition()

    @property
    def news(self) -> list[News]:
        return [told.news for told in self.told]

    def publish(self, news: News) -> None:
        with self._changed:
            self._check()
            self.told.append(Told(f"{len(self.told) + 1}-0", news))
            self._changed.notify_all()

    def newest(self, count: int) -> tuple[Told, ...]:
        with self._changed:
            self._check()
            return tuple(self.told[-count:])

    def after(self, last: str, *, wait: float) -> tuple[Told, ...]:
        place = int(last.partition("-")[0])
        with self._changed:
            self._check()
            self._changed.wait_for(lambda: self.down or len(self.told) > place, wait)
            self._check()
            return tuple(self.told[place:])

    def fail(self, *, down: bool) -> None:
        with self._changed:
            self.down = down
            self._changed.notify_all()

    def _check(self) -> None:
        if self.down:
            raise LiveUnavailable("the fake is down")
