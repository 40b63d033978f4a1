"""Stores with fixed values, for rendering: what a golden file was made from, and the neutral twin of a nasty one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.domain.naming import namespace_for
from app.domain.platform import Peer, PlatformProfile
from app.domain.stores import DesiredState, DriftMode, StoreSnapshot

STORE_ID = "01k9store0000000000000demo"
TENANT_ID = "01k9tenant000000000000acme"

SECRETS = {
    "database_password": "test/database:password@1",
    "jwt_secret": "1" * 64,
    "cookie_secret": "2" * 64,
    "publishable_key": "pk_" + "3" * 64,
    "admin_email": "admin@demo.shops.test",
    "admin_password": "test-admin-password",
    "storefront_signing_key": "4" * 64,
}

# What a rotation makes anew.
PENDING = {
    **SECRETS,
    "database_password": "next/database:password@2",
    "jwt_secret": "6" * 64,
    "cookie_secret": "7" * 64,
    "admin_password": "next-admin-password",
}

PROFILE = PlatformProfile(
    store_domain="shops.test",
    ingress_class="nginx",
    ingress_peers=(Peer(namespace_labels={"kubernetes.io/metadata.name": "ingress-nginx"}),),
)


def snapshot(**changes: Any) -> StoreSnapshot:
    """A present store on the starter plan, with `changes`."""
    values: dict[str, Any] = {
        "id": STORE_ID,
        "tenant_id": TENANT_ID,
        "cluster_id": "01k9cluster00000000000main",
        "slug": "demo",
        "name": "Demo Shop",
        "host": "demo.shops.test",
        "namespace": namespace_for(STORE_ID),
        "namespace_uid": None,
        "claim": "5" * 32,
        "engine": "medusa",
        "release": "r1",
        "plan": "starter",
        "desired_state": DesiredState.PRESENT,
        "generation": 1,
        "observed_generation": 0,
        "drift_mode": DriftMode.REPAIR,
        "ever_ready": False,
        "provisioning_since": datetime(2026, 1, 1, tzinfo=UTC),
        "secrets": SECRETS,
    }
    return StoreSnapshot(**{**values, **changes})
