"""An engine of one namespace, one Secret and one Deployment: enough for everything that is not about templates."""

from __future__ import annotations

from app.domain.engines import Component, Engine, SecretSpec
from app.domain.errors import UnknownEngine
from app.domain.manifests import CLAIM, MANAGED_BY, PLATFORM, STORE_ID, TENANT_ID, Manifest
from app.domain.stores import DesiredState, StoreSnapshot

ENGINE = Engine(
    name="medusa",
    release="r1",
    title="Medusa",
    components=(Component("backend", "Deployment", "BackendReady", "backend", "Shop server"),),
    secrets=(
        SecretSpec("database_password", "password", 32, rotate=True),
        SecretSpec("jwt_secret", "hex", 64),
        SecretSpec("admin_email", "literal", value="admin@{host}", reveal=True, title="E-mail"),
        SecretSpec("admin_password", "password", 20, reveal=True, rotate=True, title="Password"),
        SecretSpec("publishable_key", "hex", 64, prefix="pk_"),
    ),
    images={"backend": "storeyard/medusa:test"},
    admin_path="/app",
)


class FakeRenderer:
    def engines(self) -> tuple[Engine, ...]:
        return (ENGINE,)

    def engine(self, name: str, release: str | None = None) -> Engine:
        if name != ENGINE.name or release not in (None, ENGINE.release):
            raise UnknownEngine(f"There is no engine {name!r} {release or ''}.", field="engine", known=[ENGINE.name])
        return ENGINE

    def render(self, store: StoreSnapshot) -> tuple[Manifest, ...]:
        labels = {MANAGED_BY: PLATFORM, STORE_ID: store.id, TENANT_ID: store.tenant_id}

        def metadata(name: str) -> dict[str, object]:
            return {"name": name, "namespace": store.namespace, "labels": labels}

        return tuple(
            Manifest.of(body)
            for body in (
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": store.namespace, "labels": labels, "annotations": {CLAIM: store.claim}},
                },
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata("store"), "stringData": dict(store.secrets)},
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": metadata("backend"),
                    "spec": {
                        "replicas": 0 if store.desired_state is DesiredState.SUSPENDED else 1,
                        "selector": {"matchLabels": {"app": "backend"}},
                        "template": {
                            "metadata": {"labels": {"app": "backend"}},
                            "spec": {"containers": [{"name": "backend", "image": ENGINE.images["backend"]}]},
                        },
                    },
                },
            )
        )
