"""Logs of containers: a file per start, written by the process itself, and read as a kubelet serves them.

The files hold raw output without times. A file that has grown beyond 10 MB is cut: what it held is kept beside it until the next time,
and is not served; the few lines written meanwhile are lost.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from localcluster.errors import ApiError
from localcluster.objects import Store

Body = Mapping[str, Any]

LIMIT = 10 * 1024 * 1024
_BLOCK = 64 * 1024
_PAUSE = 0.2
_WORDS = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


class LogBook:
    """The folder of all logs: `<namespace>/<pod>_<uid>/<container>/<start>.log`."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def of_pod(self, pod: Body) -> Path:
        meta = pod["metadata"]
        return self._folder / meta["namespace"] / f"{meta['name']}_{meta['uid']}"

    def file(self, pod: Body, container: str, start: int) -> Path:
        return self.of_pod(pod) / container / f"{start}.log"

    def open(self, pod: Body, container: str, start: int, *, owner: tuple[int, int] | None) -> int:
        """A new file to write to, as a descriptor; of earlier starts the last one stays. The owner may open it by name."""
        path = self.file(pod, container, start)
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.iterdir():
            number = old.name.partition(".")[0]
            if number.isdigit() and int(number) < start - 1:
                old.unlink(missing_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        if owner:
            os.fchown(number, *owner)
        return number

    def cut(self, pod: Body, container: str, start: int) -> None:
        """Cut a file that has grown too large."""
        path = self.file(pod, container, start)
        try:
            if path.stat().st_size > LIMIT:
                shutil.copyfile(path, path.with_suffix(".log.1"))
                os.truncate(path, 0)
        except OSError:
            return

    def drop(self, pod: Body) -> None:
        """A pod's logs go with it."""
        folder = self.of_pod(pod)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.parent.rmdir()
        except OSError:
            return

    def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail: int | None = None,
        follow: bool = False,
        limit_bytes: int | None = None,
    ) -> Iterator[bytes]:
        """The output of a container's present run (`previous`: of the one before), in chunks; `follow`: until it ends.

        ApiError 404 where there is no such pod, 400 where there is no such container or it has not run, at once, not at the first chunk.
        While following, an empty chunk now and then says that nothing has come.
        """
        body = self._store.get("Pod", namespace, pod)
        name = container or _only(body)
        status = _status(body, name)
        if status is None and name not in _names(body):
            raise ApiError.bad_request(f"container {name} is not valid for pod {pod}")
        if not body["spec"].get("nodeName"):
            raise ApiError.bad_request(f"pod {pod} does not have a host assigned")
        start = _start(status, pod, name, previous=previous)
        chunks = self._chunks(body, name, start, tail=tail, follow=follow and not previous)
        return chunks if limit_bytes is None else _limited(chunks, limit_bytes)

    def _chunks(self, pod: Body, container: str, start: int, *, tail: int | None, follow: bool) -> Iterator[bytes]:
        try:
            file = self.file(pod, container, start).open("rb")
        except FileNotFoundError:
            return
        with file:
            if tail is not None:
                file.seek(_tail_offset(file, tail))
            while True:
                over = not follow or self._ended(pod, container, start)
                while chunk := file.read(_BLOCK):
                    yield chunk
                if over:
                    return
                if os.fstat(file.fileno()).st_size < file.tell():
                    file.seek(0)
                    continue
                time.sleep(_PAUSE)
                yield b""

    def _ended(self, pod: Body, container: str, start: int) -> bool:
        meta = pod["metadata"]
        try:
            now = self._store.get("Pod", meta["namespace"], meta["name"])
        except ApiError:
            return True
        status = _status(now, container)
        if now["metadata"]["uid"] != meta["uid"] or status is None:
            return True
        return status["restartCount"] != start or "running" not in status["state"]


def _names(pod: Body) -> list[str]:
    spec = pod["spec"]
    return [item["name"] for item in (*(spec.get("initContainers") or ()), *spec["containers"])]


def _only(pod: Body) -> str:
    names = [item["name"] for item in pod["spec"]["containers"]]
    if len(names) == 1 and not pod["spec"].get("initContainers"):
        return names[0]
    meta = pod["metadata"]
    chosen = (meta.get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    if chosen in names:
        return str(chosen)
    init = [item["name"] for item in pod["spec"].get("initContainers") or ()]
    more = f" or one of the init containers: [{' '.join(init)}]" if init else ""
    raise ApiError.bad_request(f"a container name must be specified for pod {meta['name']}, choose one of: [{' '.join(names)}]{more}")


def _status(pod: Body, container: str) -> Body | None:
    status = pod.get("status") or {}
    statuses = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return next((item for item in statuses if item["name"] == container), None)


def _start(status: Body | None, pod: str, container: str, *, previous: bool) -> int:
    """Which start is asked for. ApiError 400 where there was none."""
    state = (status or {}).get("state") or {}
    waiting = state.get("waiting")
    started = state.get("running") or state.get("terminated")
    last = bool(((status or {}).get("lastState") or {}).get("terminated"))
    number = int((status or {}).get("restartCount") or 0)
    if previous:
        if not last:
            raise ApiError.bad_request(f'previous terminated container "{container}" in pod "{pod}" not found')
        # While the next start is waited for, the last run is both: the present one, and the previous.
        return number if waiting else number - 1
    if started or last:
        return number
    reason = (waiting or {}).get("reason") or "ContainerCreating"
    raise ApiError.bad_request(f'container "{container}" in pod "{pod}" is waiting to start: {_WORDS.get(reason, reason)}')


def _tail_offset(file: BinaryIO, lines: int) -> int:
    """Where the last lines begin."""
    end = position = file.seek(0, os.SEEK_END)
    if lines <= 0:
        return end
    found = 0
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if position + at + 1 == end:
                continue
            found += 1
            if found == lines:
                return position + at + 1
    return 0


def _limited(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:limit]
        limit -= len(chunk)
        if limit <= 0:
            return
