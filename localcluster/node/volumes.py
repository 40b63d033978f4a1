"""A pod's volumes, made into folders: claims, emptyDir, and files from Secrets, ConfigMaps and the pod itself.

Files from objects are written anew at every start of a container, and not in between. They are readable to the user that containers run
as; modes are kept, owners are not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcluster.node.claims import Claims
from localcluster.node.environment import ConfigError, Lookup, data_of, field_value
from localcluster.node.paths import inside
from localcluster.node.process import Account

Body = Mapping[str, Any]
Files = dict[str, tuple[bytes, int]]
"""Contents and modes, by relative path."""


class MountError(Exception):
    """A volume is not there yet, or cannot be; the text is an event's (FailedMount)."""

    def __init__(self, volume: str, why: object) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {why}')


def make(pod: Body, folder: Path, *, claims: Claims, lookup: Lookup, account: Account | None) -> dict[str, Path]:
    """The pod's volumes by name; those that are no claims lie in `folder`. MountError where one cannot be made."""
    made: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or ():
        name = volume["name"]
        try:
            made[name] = _claim(volume, claims, lookup) if volume.get("persistentVolumeClaim") else folder / name
            if not volume.get("persistentVolumeClaim"):
                _make_folder(made[name], account)
                _fill(made[name], _files(volume, pod, lookup), account)
        except (OSError, ValueError, ConfigError) as error:
            raise MountError(name, error) from error
    return made


def clear_after_restart(pod: Body, folder: Path) -> None:
    """After a restart of the node: what emptyDirs of medium Memory held is gone, and so are sockets that nobody listens on.

    A lock file beside a socket names a process, and its number may be another's by now.
    """
    for volume in pod["spec"].get("volumes") or ():
        place = folder / volume["name"]
        if volume.get("emptyDir") is None:
            continue
        if volume["emptyDir"].get("medium") == "Memory":
            shutil.rmtree(place, ignore_errors=True)
        for path in [path for path in place.rglob("*") if path.is_socket()]:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _claim(volume: Body, claims: Claims, lookup: Lookup) -> Path:
    name = volume["persistentVolumeClaim"]["claimName"]
    claim = lookup("PersistentVolumeClaim", name)
    if claim is None:
        raise ConfigError(f'persistentvolumeclaim "{name}" not found')
    if "deletionTimestamp" in claim["metadata"]:
        raise ConfigError(f'persistentvolumeclaim "{name}" is being deleted')
    if (claim.get("status") or {}).get("phase") != "Bound":
        raise ConfigError(f'persistentvolumeclaim "{name}" is not bound')
    return claims.folder(claim)


def _make_folder(path: Path, account: Account | None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if account:
        os.chown(path, account.uid, account.gid)
        path.chmod(0o770)


def _files(volume: Body, pod: Body, lookup: Lookup) -> Files | None:
    """What is in a volume; None where that is the containers' business."""
    if source := volume.get("secret"):
        return _entries("Secret", source.get("secretName", ""), source, lookup)
    if source := volume.get("configMap"):
        return _entries("ConfigMap", source.get("name", ""), source, lookup)
    if source := volume.get("downwardAPI"):
        return _downward(source, pod)
    if projected := volume.get("projected"):
        files: Files = {}
        for source in projected.get("sources") or ():
            files |= (
                _files({name: {"defaultMode": projected.get("defaultMode"), **part} for name, part in _named(source)}, pod, lookup) or {}
            )
        return files
    return None


def _named(source: Body) -> list[tuple[str, Body]]:
    """A projected source in the form of a volume."""
    return [(kind, {**part, "secretName": part.get("name", "")} if kind == "secret" else part) for kind, part in source.items()]


def _entries(kind: str, name: str, source: Body, lookup: Lookup) -> Files:
    body = lookup(kind, name)
    if body is None:
        if source.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    values, mode = data_of(kind, body), source.get("defaultMode") or 0o644
    if not source.get("items"):
        return {key: (value, mode) for key, value in values.items()}
    files: Files = {}
    for item in source["items"]:
        if item["key"] in values:
            files[item["path"]] = (values[item["key"]], item.get("mode") or mode)
        elif not source.get("optional"):
            raise ConfigError(f"references non-existent {kind.lower()} key: {item['key']}")
    return files


def _downward(source: Body, pod: Body) -> Files:
    files: Files = {}
    for item in source.get("items") or ():
        if not item.get("fieldRef"):
            raise ConfigError(f"{item['path']}: only fieldRef is supported")
        mode = item.get("mode") or source.get("defaultMode") or 0o644
        files[item["path"]] = (field_value(pod, item["fieldRef"]["fieldPath"]).encode(), mode)
    return files


def _fill(folder: Path, files: Files | None, account: Account | None) -> None:
    if files is None:
        return
    wanted = {inside(folder, name) for name in files}
    for old in [path for path in folder.rglob("*") if path.is_file() and path not in wanted]:
        old.unlink()
    for name, (content, mode) in files.items():
        path = inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place: a program that reads meanwhile sees the old file or the new one.
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        fresh.chmod(mode)
        if account:
            os.chown(fresh, account.uid, account.gid)
        fresh.replace(path)
