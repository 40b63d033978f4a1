"""All that a container's program needs to be started: command line, environment, working folder. Its probes and hooks run with the same."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.node import environment, paths
from localcluster.node.catalogue import Image
from localcluster.node.ground import Ground
from localcluster.node.process import CONTAINER_MARK, Account
from localcluster.node.refusals import KILLS_INIT, signals_init

Body = Mapping[str, Any]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageMissing(Exception):
    """The image is not in the catalogue."""


@dataclass(frozen=True, slots=True)
class Launch:
    """`marks` is what the process's family is known by."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    image: Image
    account: Account | None
    marks: Mapping[str, str]
    paths: paths.PathMap
    ground: Ground
    namespace: str

    def command(self, argv: Sequence[str]) -> list[str]:
        """A command of a probe or a hook, as it is to be run here."""
        return [self.text(part) for part in argv]

    def text(self, part: str) -> str:
        return self.ground.rewrite(self.paths.replace(part), self.namespace)


def prepare(ground: Ground, pod: Body, container: Body, volumes: Mapping[str, Path]) -> Launch:
    """ImageMissing; ConfigError where a reference leads nowhere; OSError where a folder cannot be made."""
    image = ground.catalogue.find(container.get("image", ""))
    if image is None:
        raise ImageMissing(ground.catalogue.missing(container.get("image", "")))
    _check_user(ground, pod, container)
    meta = pod["metadata"]
    address = pod["status"]["podIP"]
    declared = environment.declared(container, pod, ground.lookup(meta["namespace"]))
    declared = {**service_links(ground, pod), **declared}
    argv = environment.command_line(container, (), declared)
    home = ground.folder(meta["uid"]) / f".{container['name']}"
    mounted = _mounts(container, volumes, declared)
    scratch = mounted.get("/tmp") or _scratch(home, ground.account)  # noqa: S108 - the container's path, not this machine's
    mounted.setdefault("/tmp", scratch)  # noqa: S108
    root = _root(image, home, mounted)
    of_pod = paths.PathMap(mounted)
    of_image = paths.PathMap({**mounted, **({image.mount: root} if root else {})})
    marks = {**ground.mark(meta["uid"]), CONTAINER_MARK: container["name"]}
    launch = Launch((), {}, scratch, image, ground.account, marks, of_image, ground, meta["namespace"])
    texts = {name: ground.rewrite(of_pod.replace(value), meta["namespace"]) for name, value in declared.items()}
    defaults = {name: launch.text(environment.expand(value, {"POD_IP": address})) for name, value in image.env.items()}
    env = {"HOME": str(scratch), "TMPDIR": str(scratch), "HOSTNAME": meta["name"], **defaults, **texts, "POD_IP": address, **marks}
    env["PATH"] = ":".join([*image.path, env.get("PATH") or _PATH])
    if not container.get("command"):
        argv = [*image.command, *argv]
    if not argv:
        raise environment.ConfigError("no command specified")
    if signals_init(argv):
        raise environment.ConfigError(KILLS_INIT)
    workdir = container.get("workingDir") or image.workdir
    folder = Path(of_image.replace(paths.clean(workdir))) if workdir else scratch
    return Launch(launch.command(argv), env, folder, image, ground.account, marks, of_image, ground, meta["namespace"])


def service_links(ground: Ground, pod: Body) -> dict[str, str]:
    """NAME_SERVICE_HOST and NAME_SERVICE_PORT of the namespace's Services, unless the pod wants none."""
    if pod["spec"].get("enableServiceLinks") is False:
        return {}
    links: dict[str, str] = {}
    for service in ground.store.all("Service", pod["metadata"]["namespace"]):
        name, ports = service["metadata"]["name"].upper().replace("-", "_"), service["spec"].get("ports") or ()
        if service["spec"].get("clusterIP") not in (None, "", "None") and ports:
            links |= {f"{name}_SERVICE_HOST": service["spec"]["clusterIP"], f"{name}_SERVICE_PORT": str(ports[0]["port"])}
    return links


def _check_user(ground: Ground, pod: Body, container: Body) -> None:
    wish = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    if wish.get("runAsNonRoot") and os.geteuid() == 0 and ground.account is None:
        raise environment.ConfigError(
            f'container has runAsNonRoot and this pocket cluster runs as root without --user (pod: "{pod["metadata"]["name"]}", '
            f'container: "{container["name"]}")'
        )


def _mounts(container: Body, volumes: Mapping[str, Path], env: Mapping[str, str]) -> dict[str, Path]:
    """Where each mount of a container really is."""
    found: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or ():
        folder = volumes[mount["name"]]
        if part := mount.get("subPath") or environment.expand(mount.get("subPathExpr") or "", env):
            try:
                place = paths.inside(folder, part)
            except ValueError as error:
                raise environment.ConfigError(f'subPath of volume "{mount["name"]}": {error}') from error
            if not place.exists():
                place.mkdir(parents=True)
                _own(place, folder)
            folder = place
        found[paths.clean(mount["mountPath"])] = folder
    return found


def _own(place: Path, folder: Path) -> None:
    """Folders made for a subPath belong to whom the volume belongs to."""
    owner = folder.stat()
    while place != folder:
        if os.geteuid() == 0:
            os.chown(place, owner.st_uid, owner.st_gid)
        place = place.parent


def _scratch(home: Path, account: Account | None) -> Path:
    """The container's own /tmp."""
    folder = home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def _root(image: Image, home: Path, mounted: Mapping[str, Path]) -> Path | None:
    """What stands for the image's own folder: that folder, or one of links where something is mounted below it."""
    if image.root is None or not image.mount:
        return None
    inner = {path[len(image.mount) + 1 :]: folder for path, folder in mounted.items() if paths.below(path, image.mount)}
    if not inner:
        return image.root
    place = home / "root"
    paths.link_tree(place, image.root, inner)
    return place
