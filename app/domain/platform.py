"""What of the platform itself goes into a store: addresses, classes, images, peers. One frozen value, made from settings at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.quotas import Amount

TENANT_QUOTA = Amount(stores=5, cpu=2000, memory=10240, disk=100)
PLATFORM_QUOTA = Amount(stores=1000, cpu=500_000, memory=2_000_000, disk=50_000)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may be met in a NetworkPolicy: pods by namespace and pod labels (all must match), or an address block."""

    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    cidr: str | None = None


@dataclass(frozen=True, slots=True)
class PlatformProfile:
    """How stores are rendered on this installation.

    `tls`: "off" (plain http), "issuer" (cert-manager makes one certificate per host, by `tls_issuer`), or "wildcard" (the ingress
    controller's default certificate covers all hosts: `tls.hosts` without a secret name). `images` replaces an engine's image by its
    key ("backend"), `registry` is put before images that name no registry. `uids` replaces the uid a component runs as.
    """

    store_domain: str = "localhost"
    public_port: int | None = None
    ingress_class: str = "nginx"
    ingress_annotations: Mapping[str, str] = field(default_factory=dict)
    storage_class: str | None = None
    tls: Literal["off", "issuer", "wildcard"] = "off"
    tls_issuer: str | None = None
    registry: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    image_pull_secrets: tuple[str, ...] = ()
    uids: Mapping[str, int] = field(default_factory=dict)
    ingress_peers: tuple[Peer, ...] = (Peer(namespace_labels={"kubernetes.io/metadata.name": "ingress-nginx"}),)
    dns_peers: tuple[Peer, ...] = (
        Peer(namespace_labels={"kubernetes.io/metadata.name": "kube-system"}, pod_labels={"k8s-app": "kube-dns"}),
    )

    def public_url(self, host: str) -> str:
        """Where a browser finds the store, without a final slash."""
        scheme = "http" if self.tls == "off" else "https"
        port = f":{self.public_port}" if self.public_port else ""
        return f"{scheme}://{host}{port}"


@dataclass(frozen=True, slots=True)
class PlatformPolicy:
    """The operator's rules: what a tenant gets by default, what the platform holds at most, how long records are kept (days)."""

    tenant_quota: Amount = TENANT_QUOTA
    platform_quota: Amount = PLATFORM_QUOTA
    host_hold_days: int = 30
    event_days: int = 90
    run_days: int = 14
    audit_days: int = 365
    gone_days: int = 30
    idempotency_hours: int = 24
    max_failures: int = 5
    tenant_concurrency: int = 4
