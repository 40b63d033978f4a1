"""Where things are: the state folder, the folder for sockets, and what lies in them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STATE_VARIABLE = "STOREYARD_STATE"
# Fixed, not TMPDIR: a unix socket's path has 107 characters at most.
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - the folder below it is ours alone, which `make_runtime` makes sure of


@dataclass(frozen=True, slots=True)
class Places:
    """`state` is an absolute path without symbolic links; `runtime` follows from it, so that one state has one runtime folder."""

    state: Path
    runtime: Path

    @classmethod
    def of(cls, state: Path) -> Places:
        real = state.resolve()
        return cls(real, SHORT_FOLDER / f"storeyard-{os.getuid()}-{short_hash(real)}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Places:
        chosen = environment.get(STATE_VARIABLE, "").strip()
        return cls.of(Path(chosen) if chosen else CHECKOUT / ".storeyard")

    @property
    def environment(self) -> Path:
        """The STOREYARD_ variables of all parts, `NAME=value` a line; scripts/storeyard reads it."""
        return self.state / "env"

    @property
    def vault_key(self) -> Path:
        return self.state / "vault-key"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def postgres_data(self) -> Path:
        return self.postgres / "data"

    @property
    def postgres_sockets(self) -> Path:
        return self.runtime / "postgres"

    @property
    def valkey(self) -> Path:
        return self.state / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.runtime / "valkey" / "s"

    @property
    def caddy(self) -> Path:
        return self.state / "caddy"

    @property
    def caddy_socket(self) -> Path:
        return self.runtime / "caddy" / "s"

    @property
    def cluster(self) -> Path:
        return self.state / "kube"

    @property
    def kubeconfig(self) -> Path:
        return self.cluster / "kubeconfig"

    @property
    def medusa(self) -> Path:
        """Medusa ready to run, in `bundle`; what it was built in, in `work`."""
        return self.state / "medusa"

    @property
    def storefront(self) -> Path:
        return self.state / "storefront"

    @property
    def programs(self) -> Path:
        """Wrappers, and copies of programs where another user could not reach the installed ones."""
        return self.state / "programs"

    @property
    def catalogue(self) -> Path:
        return self.state / "images.json"

    @property
    def plan(self) -> Path:
        """What the supervisor runs."""
        return self.state / "parts.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the supervisor, whose process id it contains."""
        return self.state / "lock"

    @property
    def up_lock(self) -> Path:
        """Held by the one `up` that prepares and starts."""
        return self.state / "up.lock"

    @property
    def control(self) -> Path:
        """Who connects gets the state of all parts, as JSON."""
        return self.runtime / "control"


def short_hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]


def make_runtime(folder: Path) -> None:
    """Make the folder for sockets, enterable by others only as root (whose servers run as another user). Raises PermissionError.

    Anybody may make folders in /tmp: one that is not ours, or is a link, is refused rather than trusted.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it")
    folder.chmod(0o711 if os.getuid() == 0 else 0o700)


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner reads, whole or not at all; nothing where it has this text already, so that its watchers rest."""
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_name(path.name + ".new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
