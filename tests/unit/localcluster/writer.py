"""A process that writes objects to a folder until it is killed, and says on its output what it is about to do and what it has done."""

from __future__ import annotations

import hashlib
import random
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from localcluster.disk import Shelf
from localcluster.errors import ApiError
from localcluster.objects import Store

HOME = "home"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def step(store: Store, chance: random.Random, kind: str, name: str) -> str:
    """One write; the digest of the object as it is then, or `gone`."""
    text = "x" * chance.randrange(20_000)
    if kind == "Namespace":
        patch = {"metadata": {"annotations": {"text": text, "number": str(chance.random())}}}
        return digest(store.patch(kind, "", name, patch, form="merge", manager="m"))
    if chance.random() < 0.3:
        try:
            store.patch(kind, HOME, name, {"metadata": {"finalizers": None}}, form="merge", manager="m")
            store.delete(kind, HOME, name)
        except ApiError as error:
            if error.code != 404:
                raise
        return "gone"
    config: dict[str, Any] = {"metadata": {"name": name, "annotations": {"text": text, "number": str(chance.random())}}}
    if kind == "PersistentVolumeClaim":
        config["spec"] = CLAIM
    return digest(store.apply(kind, HOME, name, {"apiVersion": "v1", "kind": kind, **config}, manager="m", force=True))


def main(folder: str, seed: str) -> None:
    chance = random.Random(seed)
    shelf = Shelf(Path(folder))
    loaded = shelf.load()
    store = Store(now=lambda: datetime.now(UTC), new_uid=lambda: str(uuid.uuid4()), keeper=shelf)
    store.restore(loaded.objects, loaded.version)
    if not loaded.objects:
        store.create("Namespace", {"metadata": {"name": HOME}}, manager="m")
    say("ready")
    while True:
        kind = chance.choice(["Namespace", "PersistentVolumeClaim", "ConfigMap", "ConfigMap"])
        name = HOME if kind == "Namespace" else chance.choice("abc")
        say("begin", kind, name)
        say("done", kind, name, step(store, chance, kind, name), store.version)


if __name__ == "__main__":
    main(*sys.argv[1:])
