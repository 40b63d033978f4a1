"""What an installation's profile changes in a store: addresses, TLS, images, who the ingress controller and DNS are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.jinja import JinjaRenderer
from app.domain.platform import Peer, PlatformProfile
from tests.golden.stores import PROFILE, snapshot


def rendered(kind: str, name: str, **profile: Any) -> Mapping[str, Any]:
    """One object of a store under the test profile with changes."""
    manifests = JinjaRenderer(None, replace(PROFILE, **profile)).render(snapshot())
    return next(manifest.body for manifest in manifests if (manifest.key.kind, manifest.key.name) == (kind, name))


def container(kind: str, name: str, **profile: Any) -> Mapping[str, Any]:
    return rendered(kind, name, **profile)["spec"]["template"]["spec"]["containers"][0]


def environment(deployment: str = "backend", **profile: Any) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container("Deployment", deployment, **profile)["env"]}


def test_the_ingress_leads_medusa_s_paths_on_the_store_s_one_host_to_the_backend_and_all_others_to_the_storefront() -> None:
    ingress = rendered("Ingress", "store")
    assert ingress["spec"]["ingressClassName"] == "nginx"
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "demo.shops.test"
    targets = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert targets == {**dict.fromkeys(("/app", "/admin", "/auth", "/store", "/static", "/health"), "backend"), "/": "storefront"}
    assert {path["pathType"] for path in rule["http"]["paths"]} == {"Prefix"}
    assert "annotations" not in ingress["metadata"]


def test_without_tls_the_ingress_names_none_and_the_store_s_address_is_http() -> None:
    assert "tls" not in rendered("Ingress", "store")["spec"]
    for name in ("backend", "storefront"):
        assert environment(name, public_port=8088)["PUBLIC_URL"] == "http://demo.shops.test:8088"


def test_an_issuer_makes_one_certificate_per_host_beside_the_operator_s_own_annotations() -> None:
    tls: dict[str, Any] = {"tls": "issuer", "tls_issuer": "letsencrypt"}
    ingress = rendered("Ingress", "store", ingress_annotations={"example.com/size": "20m"}, **tls)
    assert ingress["spec"]["tls"] == [{"hosts": ["demo.shops.test"], "secretName": "tls"}]
    assert ingress["metadata"]["annotations"] == {"example.com/size": "20m", "cert-manager.io/cluster-issuer": "letsencrypt"}
    assert environment(**tls)["PUBLIC_URL"] == "https://demo.shops.test"
    solver = rendered("NetworkPolicy", "acme-solver", **tls)
    assert solver["spec"]["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}


def test_a_wildcard_names_hosts_and_no_secret_so_that_the_controller_s_default_certificate_serves() -> None:
    assert rendered("Ingress", "store", tls="wildcard")["spec"]["tls"] == [{"hosts": ["demo.shops.test"]}]


def test_an_issuer_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="tls_issuer"):
        JinjaRenderer(None, PlatformProfile(tls="issuer"))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(
            Peer(namespace_labels={"team": "edge"}),
            {"namespaceSelector": {"matchLabels": {"team": "edge"}}},
            id="all pods of a namespace",
        ),
        pytest.param(
            Peer(namespace_labels={"team": "edge"}, pod_labels={"app": "traefik"}),
            {"namespaceSelector": {"matchLabels": {"team": "edge"}}, "podSelector": {"matchLabels": {"app": "traefik"}}},
            id="both must match, so they stand in one entry",
        ),
        pytest.param(Peer(cidr="169.254.20.10/32"), {"ipBlock": {"cidr": "169.254.20.10/32"}}, id="node-local DNS, host network"),
    ],
)
@pytest.mark.parametrize("name", ["backend", "storefront"])
def test_a_peer_reaches_the_network_policies(name: str, peer: Peer, expected: dict[str, Any]) -> None:
    assert rendered("NetworkPolicy", name, ingress_peers=(peer,))["spec"]["ingress"][0]["from"] == [expected]
    dns = rendered("NetworkPolicy", name, dns_peers=(peer,))["spec"]["egress"][1]
    assert dns["to"] == [expected]
    assert dns["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]


@pytest.mark.parametrize(
    "peers",
    [
        pytest.param((), id="an empty list means everybody"),
        pytest.param((Peer(),), id="an empty peer means every pod"),
        pytest.param((Peer(pod_labels={"app": "traefik"}),), id="without a namespace the label is anybody's to bear"),
        pytest.param((Peer(namespace_labels={"a": "b"}, cidr="10.0.0.0/8"),), id="Kubernetes knows no such mixture"),
    ],
)
@pytest.mark.parametrize("field", ["ingress_peers", "dns_peers"])
def test_peers_that_would_open_a_store_are_refused(field: str, peers: tuple[Peer, ...]) -> None:
    with pytest.raises(ValueError, match=field):
        JinjaRenderer(None, replace(PROFILE, **{field: peers}))


@pytest.mark.parametrize(
    ("profile", "backend", "database"),
    [
        pytest.param({}, "storeyard/medusa:2.18.0-r1", "docker.io/library/postgres:15-bookworm", id="as the engine names them"),
        pytest.param(
            {"registry": "registry.example.com/"},
            "registry.example.com/storeyard/medusa:2.18.0-r1",
            "docker.io/library/postgres:15-bookworm",
            id="a registry goes before images that name none",
        ),
        pytest.param(
            {"registry": "r.example.com", "images": {"backend": "medusa@sha256:abc", "database": "localhost/postgres:15"}},
            "r.example.com/medusa@sha256:abc",
            "localhost/postgres:15",
            id="overridden by key; localhost is a registry, an image without a slash has none",
        ),
        pytest.param(
            {"registry": "r.example.com", "images": {"backend": "mirror:5000/medusa"}},
            "mirror:5000/medusa",
            "docker.io/library/postgres:15-bookworm",
            id="a port makes a registry",
        ),
    ],
)
def test_images_follow_the_profile(profile: dict[str, Any], backend: str, database: str) -> None:
    assert container("Deployment", "backend", **profile)["image"] == backend
    assert container("StatefulSet", "database", **profile)["image"] == database


def test_pull_secrets_hang_on_the_service_account() -> None:
    assert rendered("ServiceAccount", "store", image_pull_secrets=("a", "b"))["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert "imagePullSecrets" not in rendered("ServiceAccount", "store")


def test_users_and_storage_class_follow_the_profile() -> None:
    pod = rendered("StatefulSet", "database", uids={"database": 70})["spec"]["template"]["spec"]
    assert {pod["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {70}
    pod = rendered("Deployment", "backend", uids={"database": 70})["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 1000
    pod = rendered("Deployment", "storefront")["spec"]["template"]["spec"]
    assert {pod["securityContext"][name] for name in ("runAsUser", "runAsGroup")} == {10001}
    pod = rendered("Deployment", "storefront", uids={"storefront": 1234})["spec"]["template"]["spec"]
    assert {pod["securityContext"][name] for name in ("runAsUser", "runAsGroup")} == {1234}
    assert rendered("PersistentVolumeClaim", "database", storage_class="fast")["spec"]["storageClassName"] == "fast"
    assert "storageClassName" not in rendered("PersistentVolumeClaim", "media")["spec"], "the cluster's default class"
