"""A container's environment and command line, by Kubernetes' rules: env, envFrom, references, and `$(NAME)`.

Pure but for `lookup`, which reads objects. Not supported: fileKeyRef, and resourceFieldRef of ephemeral storage or huge pages.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcluster import quantity

Body = Mapping[str, Any]
Lookup = Callable[[str, str], Body | None]
"""An object of the pod's namespace by kind and name; None where there is none."""

_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\))")
_FIELD_WITH_KEY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(Exception):
    """The container cannot be made; the text is what the kubelet says (CreateContainerConfigError)."""


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value, or stays where there is none; `$$` is a dollar sign."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(replaced, text)


def declared(container: Body, pod: Body, lookup: Lookup) -> dict[str, str]:
    """What the pod says of the environment. ConfigError where a reference leads nowhere and is not optional."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found.update(_all_of(source, lookup))
    own: dict[str, str] = {}
    for entry in container.get("env") or ():
        value = _value(entry, container, pod, lookup, own)
        if value is not None:
            own[entry["name"]] = value
    return {**found, **own}


def command_line(container: Body, image_command: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The program and its arguments; the image's own program where the pod names none."""
    program = [expand(part, env) for part in container.get("command") or ()] or list(image_command)
    return [*program, *(expand(part, env) for part in container.get("args") or ())]


def data_of(kind: str, body: Body) -> dict[str, bytes]:
    """The entries of a Secret or ConfigMap."""
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()}
    texts = {key: str(value).encode() for key, value in (body.get("data") or {}).items()}
    return {**texts, **{key: base64.b64decode(value) for key, value in (body.get("binaryData") or {}).items()}}


def field_value(pod: Body, path: str) -> str:
    """What a fieldRef gives. ConfigError for a field that cannot be referred to."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    if match := _FIELD_WITH_KEY.fullmatch(path):
        return str((meta.get(match[1]) or {}).get(match[2], ""))
    plain = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
        "status.hostIP": status.get("hostIP", ""),
        "status.hostIPs": status.get("hostIP", ""),
    }
    if path in plain:
        return str(plain[path])
    if path in ("metadata.labels", "metadata.annotations"):
        return "\n".join(f'{key}="{value}"' for key, value in sorted((meta.get(path[9:]) or {}).items()))
    raise ConfigError(f"unsupported fieldPath: {path}")


def resource_value(container: Body, reference: Body) -> str:
    """What a resourceFieldRef gives: whole units of its divisor, rounded up. Nothing asked for reads as 0."""
    kind, _, name = str(reference["resource"]).partition(".")
    if kind not in ("limits", "requests") or name not in ("cpu", "memory"):
        raise ConfigError(f"unsupported container resource : {reference['resource']}")
    stated = ((container.get("resources") or {}).get(kind) or {}).get(name, "0")
    divisor = quantity.parse(reference.get("divisor") or "1").value or 1
    return str(math.ceil(quantity.parse(stated).value / divisor))


def _all_of(source: Body, lookup: Lookup) -> dict[str, str]:
    kind, reference = ("Secret", source["secretRef"]) if source.get("secretRef") else ("ConfigMap", source.get("configMapRef") or {})
    body = lookup(kind, reference.get("name", ""))
    if body is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{reference.get("name", "")}" not found')
    return {f"{source.get('prefix') or ''}{key}": value.decode(errors="replace") for key, value in data_of(kind, body).items()}


def _value(entry: Body, container: Body, pod: Body, lookup: Lookup, own: Mapping[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value") or "", own)
    if reference := source.get("fieldRef"):
        return field_value(pod, reference["fieldPath"])
    if reference := source.get("resourceFieldRef"):
        return resource_value(container, reference)
    for kind, name in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        if reference := source.get(name):
            return _entry(kind, reference, pod["metadata"]["namespace"], lookup)
    raise ConfigError(f"environment variable {entry['name']}: this source is not supported")


def _entry(kind: str, reference: Body, namespace: str, lookup: Lookup) -> str | None:
    name, key = reference.get("name", ""), reference["key"]
    body = lookup(kind, name)
    if body is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    values = data_of(kind, body)
    if key in values:
        return values[key].decode(errors="replace")
    if reference.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {key} in {kind} {namespace}/{name}")
