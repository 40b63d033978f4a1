"""Renders a store: the Jinja templates of its engine's release become checked Kubernetes manifests.

Values do not meet YAML (app.adapters.templates, app.adapters.documents): a store's name cannot change the structure, and stores of one
shape share one parsed text, so that a rendering takes about a millisecond and needs no cache of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from app.adapters.engine_toml import FILE_NAME, read_engine
from app.adapters.templates import Template
from app.domain.engines import Engine
from app.domain.errors import TemplateError, UnknownEngine
from app.domain.manifests import INSTANCE, MANAGED_BY, PART_OF, PLATFORM, STORE_ID, TENANT_ID, Manifest, ObjectKey
from app.domain.plans import plan_named
from app.domain.platform import Peer, PlatformProfile
from app.domain.settings import shop_settings
from app.domain.stores import DesiredState, StoreSnapshot

_RELEASE = re.compile(r"r([1-9][0-9]*)")
# RFC 1123 as Kubernetes checks it: labels for what becomes a DNS name of its own, subdomains for the rest.
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_DNS_KINDS = frozenset({"Namespace", "Service"})


class JinjaRenderer:
    """The engines below `root` (by default those shipped with the platform), rendered for one installation.

    Raises ValueError for a profile that cannot be rendered safely: an empty list of peers would open a store to everybody.
    """

    def __init__(self, root: Path | None, profile: PlatformProfile) -> None:
        self._root = root or Path(__file__).resolve().parents[2] / "k8s_templates"
        self._profile = profile
        self._shared = {
            "profile": profile,
            "uids": profile.uids,
            "ingress_peers": _network_peers("ingress_peers", profile.ingress_peers),
            "dns_peers": _network_peers("dns_peers", profile.dns_peers),
        }
        if profile.tls == "issuer" and not profile.tls_issuer:
            raise ValueError("tls is 'issuer', but tls_issuer names none")

    def engines(self) -> tuple[Engine, ...]:
        """The newest release of every engine."""
        return tuple(_newest(releases).engine for _, releases in sorted(self._releases.items()))

    def engine(self, name: str, release: str | None = None) -> Engine:
        """An engine's release (its newest by default); UnknownEngine where there is none."""
        return self._release(name, release).engine

    def render(self, store: StoreSnapshot) -> tuple[Manifest, ...]:
        """All manifests of a store in the order of waves, within a wave in that of the files; TemplateError names file and line."""
        release = self._release(store.engine, store.release)
        context = self._context(store, release.engine)
        manifests: dict[ObjectKey, Manifest] = {}
        for template in release.templates:
            for manifest in template.render(context, lambda body: _checked(body, store)):
                if manifest.key in manifests:
                    raise template.error(f"{manifest.key} is rendered twice", None)
                manifests[manifest.key] = manifest
        return tuple(sorted(manifests.values(), key=lambda manifest: manifest.key.info.wave))

    def _context(self, store: StoreSnapshot, engine: Engine) -> dict[str, Any]:
        """Every name that a template may use."""
        plan = plan_named(store.plan)
        owner = owner_labels(store)

        def labels(component: str, name: str = engine.name) -> dict[str, str]:
            return {**owner, "app.kubernetes.io/name": name, "app.kubernetes.io/component": component}

        return {
            **self._shared,
            "store": store,
            "secrets": store.secrets,
            "plan": plan,
            "size": plan.components,
            "shop": shop_settings(store.id, store.name, store.settings),
            "running": store.desired_state is DesiredState.PRESENT,
            "rotating": bool(store.pending_secrets) and store.desired_state is DesiredState.PRESENT,
            "public_url": self._profile.public_url(store.host),
            "images": {key: self._image(key, image) for key, image in engine.images.items()},
            "labels": labels,
        }

    def _image(self, key: str, image: str) -> str:
        image = self._profile.images.get(key, image)
        first, slash, _ = image.partition("/")
        names_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
        return image if names_registry or not self._profile.registry else f"{self._profile.registry.rstrip('/')}/{image}"

    def _release(self, name: str, release: str | None) -> _Release:
        releases = self._releases.get(name)
        if releases is None:
            known = sorted(self._releases)
            raise UnknownEngine(f"There is no engine {name!r}. Choose one of: {', '.join(known)}.", field="engine", known=known)
        if release is None:
            return _newest(releases)
        if release not in releases:
            known = sorted(releases, key=_release_number)
            raise UnknownEngine(f"{name!r} has no release {release!r}. There are: {', '.join(known)}.", field="release", known=known)
        return releases[release]

    @cached_property
    def _releases(self) -> Mapping[str, Mapping[str, _Release]]:
        found: dict[str, dict[str, _Release]] = {}
        for path in sorted(self._root.glob(f"*/*/{FILE_NAME}")):
            folder = path.parent
            shown = path.relative_to(self._root).as_posix()
            if not _RELEASE.fullmatch(folder.name):
                raise TemplateError(f"{shown}: a release is named r1, r2, …, not {folder.name!r}", file=shown, line=None)
            found.setdefault(folder.parent.name, {})[folder.name] = _Release(read_engine(path, shown=shown), folder, self._root)
        return found


def owner_labels(store: StoreSnapshot) -> dict[str, str]:
    """The labels by which an object, and each pod made from it, says whose it is."""
    return {
        MANAGED_BY: PLATFORM,
        PART_OF: PLATFORM,
        INSTANCE: store.slug,
        STORE_ID: store.id,
        TENANT_ID: store.tenant_id,
    }


@dataclass(frozen=True)
class _Release:
    """One release's engine, and its templates once they are needed."""

    engine: Engine
    folder: Path
    root: Path

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        return tuple(Template(path, path.relative_to(self.root).as_posix()) for path in sorted(self.folder.glob("*.yaml.j2")))


def _checked(body: Mapping[str, Any], store: StoreSnapshot) -> Manifest:
    """The document as a manifest of that store; ValueError, without any value, for one that is not."""
    manifest = Manifest.of(body)
    key = manifest.key
    pattern, rule = (_LABEL, "a DNS label") if key.kind in _DNS_KINDS else (_SUBDOMAIN, "a DNS name")
    if not pattern.fullmatch(key.name):
        raise ValueError(f"{key.kind} has a name that is not {rule}")
    if (key.name if key.kind == "Namespace" else key.namespace) != store.namespace:
        raise ValueError(f"{key.kind} is not in the store's namespace")
    _check_labels(key.kind, "", body["metadata"], store)
    if template := (body.get("spec") or {}).get("template"):
        _check_labels(key.kind, "its pods' ", template.get("metadata") or {}, store)
    return manifest


def _check_labels(kind: str, whose: str, metadata: Mapping[str, Any], store: StoreSnapshot) -> None:
    labels = metadata.get("labels") or {}
    for name, value in owner_labels(store).items():
        if labels.get(name) != value:
            raise ValueError(f"{kind}: {whose}label {name} is missing or another's")


def _network_peers(name: str, peers: Iterable[Peer]) -> list[dict[str, Any]]:
    """Peers as a NetworkPolicy writes them. ValueError where the list, or one of them, would mean everybody."""
    made: list[dict[str, Any]] = []
    for peer in peers:
        if peer.cidr and not peer.namespace_labels and not peer.pod_labels:
            made.append({"ipBlock": {"cidr": peer.cidr}})
        elif peer.namespace_labels and not peer.cidr:
            selectors: dict[str, Any] = {"namespaceSelector": {"matchLabels": dict(peer.namespace_labels)}}
            if peer.pod_labels:
                selectors["podSelector"] = {"matchLabels": dict(peer.pod_labels)}
            made.append(selectors)
        else:
            raise ValueError(f"{name}: a peer is either an address block or pods by their namespace's labels (and their own)")
    if not made:
        raise ValueError(f"{name}: an empty list would let everybody in; name at least one peer")
    return made


def _release_number(name: str) -> int:
    return int(name[1:])


def _newest(releases: Mapping[str, _Release]) -> _Release:
    return releases[max(releases, key=_release_number)]
