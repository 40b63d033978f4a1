"""Where the logs of containers come from: what the kubelet must offer for `pods/log`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Logs(Protocol):
    """The output of containers, as it was written."""

    def read(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail: int | None, follow: bool, limit_bytes: int | None
    ) -> Iterator[bytes]:
        """The container's log in pieces; `previous`: that of its run before the present one.

        With `follow` it goes on until the container ends, and yields b"" at least once a second while there is nothing new: this is when
        a reader that has gone away is noticed. Raises ApiError (at the call, or for the first piece) as a kubelet answers: 400 while the
        container waits to start or has no earlier run, 404 where there is no such pod.
        """
        ...
