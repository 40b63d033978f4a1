"""A queue that remembers what it was asked, and can be out of order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.ports import QueueUnavailable, WorkerState


class FakeQueue:
    """`wakes` are (store id, urgent). `on_wake` is called at each wake: what a fast worker would see at that very moment."""

    def __init__(self) -> None:
        self.wakes: list[tuple[str, bool]] = []
        self.started: list[str] = []
        self.tidied = 0
        self.down = False
        self.oldest: dict[str, float] = {}
        self.crew: tuple[WorkerState, ...] = ()
        self.on_wake: Callable[[str], None] | None = None

    def wake(self, store_id: str, *, urgent: bool) -> None:
        self._check()
        self.wakes.append((store_id, urgent))
        if self.on_wake is not None:
            self.on_wake(store_id)

    def start(self, task: str) -> None:
        self._check()
        self.started.append(task)

    def tidy(self) -> None:
        self._check()
        self.tidied += 1

    def depths(self) -> Mapping[str, int]:
        self._check()
        return {"intent": sum(urgent for _, urgent in self.wakes), "repair": sum(not urgent for _, urgent in self.wakes)}

    def ages(self) -> Mapping[str, float]:
        self._check()
        return {"intent": self.oldest.get("intent", 0.0), "repair": self.oldest.get("repair", 0.0)}

    def workers(self) -> tuple[WorkerState, ...]:
        self._check()
        return self.crew

    def ping(self) -> str:
        self._check()
        return "fake"

    @property
    def woken(self) -> list[str]:
        return [store_id for store_id, _ in self.wakes]

    def _check(self) -> None:
        if self.down:
            raise QueueUnavailable("the fake queue is down")
