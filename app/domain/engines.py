"""Engines: what kinds of shop can be made, as their `engine.toml` tells it. The core knows no engine by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Component:
    """One workload of a store. `condition` is the step it answers for; `kind` and `name` address its workload."""

    name: str
    kind: Literal["Deployment", "StatefulSet"]
    condition: str
    image: str
    title: str


@dataclass(frozen=True, slots=True)
class SecretSpec:
    """A credential made at creation. `password` and `hex` are random of `length` characters, `literal` is a format over the store.

    `rotate`: replaced when the merchant asks for new credentials. The release then renders Jobs that tell whoever checks it.
    """

    name: str
    form: Literal["password", "hex", "literal"]
    length: int = 32
    prefix: str = ""
    value: str = ""
    reveal: bool = False
    rotate: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """A release of an engine: immutable once published. `admin_path` is where the merchant signs in on the store's host."""

    name: str
    release: str
    title: str
    components: tuple[Component, ...]
    secrets: tuple[SecretSpec, ...]
    images: Mapping[str, str]
    admin_path: str = "/"
