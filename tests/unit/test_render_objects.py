"""What must hold for every store whatever its plan, state and installation: schema, Pod Security, references, room."""

from __future__ import annotations

import base64
import re
import runpy
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from app.adapters.jinja import JinjaRenderer, owner_labels
from app.domain.manifests import Manifest
from app.domain.plans import PLANS, Plan
from app.domain.platform import Peer, PlatformProfile
from app.domain.quantities import parse_quantity
from app.domain.settings import ANNOUNCEMENT_MAX, TAGLINE_MAX, ShopSettings, check_settings, shop_settings
from app.domain.stores import DesiredState, Rotation
from tests.golden.stores import PENDING, PROFILE, SECRETS, snapshot

LARGE_PROFILE = PlatformProfile(
    store_domain="shops.example.com",
    ingress_annotations={"nginx.ingress.kubernetes.io/proxy-body-size": "20m"},
    storage_class="fast",
    tls="issuer",
    tls_issuer="letsencrypt",
    registry="registry.example.com:5000/mirror",
    image_pull_secrets=("pull-a", "pull-b"),
    uids={"database": 70, "backend": 1001},
    dns_peers=(Peer(cidr="169.254.20.10/32"),),
)
STOREFRONT = Path(__file__).parents[2] / "docker/storefront/storefront/settings.py"
CASES = list(product(PLANS, (DesiredState.PRESENT, DesiredState.SUSPENDED), (PROFILE, LARGE_PROFILE)))


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2].tls}")
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    plan, state, profile = request.param
    return JinjaRenderer(None, profile).render(snapshot(plan=plan, desired_state=state))


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Mapping[str, Any]]:
    return {manifest.key.name: manifest.body for manifest in manifests if manifest.key.kind == kind}


def workloads(manifests: tuple[Manifest, ...]) -> dict[str, Mapping[str, Any]]:
    return {**of_kind(manifests, "StatefulSet"), **of_kind(manifests, "Deployment")}


def containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def test_every_object_meets_the_schema_of_the_oldest_and_the_newest_kubernetes_that_is_known(manifests: tuple[Manifest, ...]) -> None:
    for manifest in manifests:
        for version in ("1.33", "1.37"):
            kubernetes_validate.validate(dict(manifest.body), version, strict=True)


def test_objects_come_in_waves_and_say_whose_they_are(manifests: tuple[Manifest, ...]) -> None:
    waves = [manifest.key.info.wave for manifest in manifests]
    assert waves == sorted(waves)
    assert manifests[0].key.kind == "Namespace"
    for manifest in manifests:
        labels = manifest.body["metadata"]["labels"]
        assert owner_labels(snapshot()).items() <= labels.items()
        assert {"app.kubernetes.io/name", "app.kubernetes.io/component"} <= set(labels)


def test_the_namespace_enforces_the_restricted_profile_and_bears_the_claim(manifests: tuple[Manifest, ...]) -> None:
    metadata = manifests[0].body["metadata"]
    for mode in ("enforce", "audit", "warn"):
        assert metadata["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert metadata["annotations"] == {"storeyard.dev/claim": snapshot().claim}


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and beyond it: read-only roots, no token, no links.
def test_every_pod_is_restricted(manifests: tuple[Manifest, ...]) -> None:
    allowed_volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    for workload in workloads(manifests).values():
        pod = workload["spec"]["template"]["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod)
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["serviceAccountName"] == "store"
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["terminationGracePeriodSeconds"] <= 5, "the time in which a namespace is deleted follows from it"
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= allowed_volumes
        for container in containers(pod):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert not {"privileged", "procMount", "seLinuxOptions", "sysctls"} & set(security)
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert all("hostPort" not in port for port in container["ports"])


def test_every_container_states_its_resources_so_that_the_limit_range_never_applies(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests).values():
        for container in containers(workload["spec"]["template"]["spec"]):
            for side in ("requests", "limits"):
                assert set(container["resources"][side]) == {"cpu", "memory"}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_s_sizes_reach_the_workloads_and_the_volumes(plan: Plan) -> None:
    manifests = JinjaRenderer(None, PROFILE).render(snapshot(plan=plan.name))
    for name, workload in workloads(manifests).items():
        size = plan.components[name]
        assert workload["spec"]["template"]["spec"]["containers"][0]["resources"] == {
            "requests": {"cpu": f"{size.cpu_request}m", "memory": f"{size.memory_request}Mi"},
            "limits": {"cpu": f"{size.cpu_limit}m", "memory": f"{size.memory_limit}Mi"},
        }
    claims = {
        name: claim["spec"]["resources"]["requests"]["storage"] for name, claim in of_kind(manifests, "PersistentVolumeClaim").items()
    }
    assert claims == {"database": f"{plan.components['database'].disk}Gi", "media": f"{plan.components['backend'].disk}Gi"}
    assert sum(int(claim.removesuffix("Gi")) for claim in claims.values()) == plan.disk, "what the quota counts is what is claimed"


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_resource_quota_has_room_for_a_rollout_and_a_job(plan: Plan) -> None:
    manifests = JinjaRenderer(None, PROFILE).render(snapshot(plan=plan.name))
    hard = {name: parse_quantity(value) for name, value in of_kind(manifests, "ResourceQuota")["store"]["spec"]["hard"].items()}
    sizes = [*plan.components.values(), plan.components["storefront"], plan.components["backend"]]
    assert hard["pods"] >= parse_quantity(str(len(sizes)))
    assert hard["requests.cpu"] == parse_quantity(f"{sum(size.cpu_request for size in sizes)}m")
    assert hard["limits.cpu"] == parse_quantity(f"{sum(size.cpu_limit for size in sizes)}m")
    assert hard["requests.memory"] == parse_quantity(f"{sum(size.memory_request for size in sizes)}Mi")
    assert hard["limits.memory"] == parse_quantity(f"{sum(size.memory_limit for size in sizes)}Mi")


def test_every_reference_between_objects_leads_somewhere(manifests: tuple[Manifest, ...]) -> None:
    services, secrets = of_kind(manifests, "Service"), of_kind(manifests, "Secret")
    claims, accounts = of_kind(manifests, "PersistentVolumeClaim"), of_kind(manifests, "ServiceAccount")
    for name, workload in workloads(manifests).items():
        template = workload["spec"]["template"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert template["spec"]["serviceAccountName"] in accounts
        service = services[name]["spec"]
        assert service["selector"] == workload["spec"]["selector"]["matchLabels"]
        ports = {port["name"] for container in containers(template["spec"]) for port in container["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= ports
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        for volume in template["spec"]["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in claims
        for container in containers(template["spec"]):
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            for variable in container["env"]:
                if source := variable.get("valueFrom"):
                    assert source["secretKeyRef"]["key"] in secrets[source["secretKeyRef"]["name"]]["data"]
    for rule in of_kind(manifests, "Ingress")["store"]["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            target = path["backend"]["service"]
            assert target["port"]["name"] in {port["name"] for port in services[target["name"]]["spec"]["ports"]}


def test_all_traffic_is_denied_but_what_a_policy_names(manifests: tuple[Manifest, ...]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    assert policies["deny-all"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        if name == "deny-all":
            continue
        spec = policy["spec"]
        assert spec["podSelector"].get("matchLabels"), "an opening is for named pods only"
        for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
            assert rule.get("from") or rule.get("to"), "a rule without peers lets everybody through"
            assert rule["ports"], "a rule without ports opens all of them"
    assert "egress" not in policies["database"]["spec"], "the database calls nobody"


def test_the_secret_holds_every_credential_and_nothing_else_reveals_one(manifests: tuple[Manifest, ...]) -> None:
    data = {name: base64.b64decode(value).decode() for name, value in of_kind(manifests, "Secret")["store"]["data"].items()}
    assert SECRETS.items() <= data.items()
    assert data["database_url"] == "postgres://medusa:test%2Fdatabase%3Apassword%401@database:5432/medusa?sslmode=disable"
    assert set(data) - set(SECRETS) == {"database_url", "store_name"}
    for manifest in manifests:
        if manifest.key.kind != "Secret":
            assert not [name for name, value in SECRETS.items() if value in str(manifest.body)]


def test_the_backend_gets_every_variable_that_its_image_demands(manifests: tuple[Manifest, ...]) -> None:
    environment = (Path(__file__).parents[2] / "docker/medusa/boot/environment.js").read_text(encoding="utf-8")
    demanded = set(re.findall(r"^  ([A-Z_]+): \[", environment, re.MULTILINE))
    container = workloads(manifests)["backend"]["spec"]["template"]["spec"]["containers"][0]
    assert demanded >= {"DATABASE_URL", "PUBLISHABLE_KEY"}
    assert demanded <= {variable["name"] for variable in container["env"]}


def test_the_storefront_gets_what_it_shows_and_reaches_the_backend_by_its_service(manifests: tuple[Manifest, ...]) -> None:
    container = workloads(manifests)["storefront"]["spec"]["template"]["spec"]["containers"][0]
    given = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert set(given) == {
        "PORT", "BACKEND_URL", "PUBLIC_URL", "STORE_NAME", "ACCENT", "TAGLINE", "INITIAL", "ANNOUNCEMENT", "PUBLISHABLE_KEY", "SIGNING_KEY",
    }  # fmt: skip
    services = of_kind(manifests, "Service")
    assert given["BACKEND_URL"] == f"http://backend:{services['backend']['spec']['ports'][0]['port']}"
    assert [given["PORT"]] == [str(port["containerPort"]) for port in container["ports"]]
    assert (given["STORE_NAME"], given["INITIAL"]) == ("Demo Shop", "D")


@pytest.mark.skipif(not STOREFRONT.exists(), reason="the storefront's image is not in this checkout")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"accent": "#123456", "tagline": "x" * TAGLINE_MAX, "announcement": "x" * ANNOUNCEMENT_MAX},
        *({"initial": text} for text in ("B", "x\u0301", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\U0001f44d\U0001f3fd")),
        {"initial": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"},
    ],
    ids=ascii,
)
def test_the_storefront_takes_what_it_is_given(settings: dict[str, str]) -> None:
    reader = runpy.run_path(str(STOREFRONT), run_name="storefront.settings")["Settings"]
    for name in ("Demo Shop", "n" * 80, "\U0001f490", "$(X) $"):
        manifests = JinjaRenderer(None, PROFILE).render(snapshot(name=name, settings=check_settings(settings)))
        env = workloads(manifests)["storefront"]["spec"]["template"]["spec"]["containers"][0]["env"]
        data = of_kind(manifests, "Secret")["store"]["data"]
        read = reader.from_env(
            {
                entry["name"]: entry["value"].replace("$$", "$")
                if "value" in entry
                else base64.b64decode(data[entry["valueFrom"]["secretKeyRef"]["key"]]).decode()
                for entry in env
            }
        )
        expected = shop_settings(snapshot().id, name, settings)
        assert read.store_name == name
        assert ShopSettings(read.accent, read.tagline, read.initial, read.announcement) == expected


def test_only_the_ingress_reaches_the_storefront_and_it_reaches_only_the_backend(manifests: tuple[Manifest, ...]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    storefront, backend = policies["storefront"]["spec"], policies["backend"]["spec"]
    assert [rule["from"] for rule in storefront["ingress"]] == [backend["ingress"][0]["from"]]
    assert [[port["port"] for port in rule["ports"]] for rule in storefront["ingress"]] == [[8000]]
    to_backend, to_dns = storefront["egress"]
    assert to_backend["to"] == [{"podSelector": backend["podSelector"]}]
    assert [port["port"] for port in to_backend["ports"]] == [9000]
    assert to_dns == backend["egress"][1]
    assert backend["ingress"][1]["from"] == [{"podSelector": storefront["podSelector"]}]
    assert len(backend["ingress"]) == 2


def test_every_component_of_the_engine_has_its_workload_image_and_secrets(manifests: tuple[Manifest, ...]) -> None:
    engine = JinjaRenderer(None, PROFILE).engine("medusa")
    keys = {(manifest.key.kind, manifest.key.name) for manifest in manifests}
    assert {(component.kind, component.name) for component in engine.components} <= keys
    assert {component.image for component in engine.components} == set(engine.images)
    assert {secret.name for secret in engine.secrets} == set(SECRETS)
    assert {secret.name for secret in engine.secrets if secret.reveal} == {"publishable_key", "admin_email", "admin_password"}


def test_suspending_changes_nothing_but_the_replicas() -> None:
    renderer = JinjaRenderer(None, PROFILE)
    present = renderer.render(snapshot())
    suspended = renderer.render(snapshot(desired_state=DesiredState.SUSPENDED))
    assert [manifest.key for manifest in present] == [manifest.key for manifest in suspended]
    changed = {before.key.kind for before, after in zip(present, suspended, strict=True) if before.hash != after.hash}
    assert changed == {"StatefulSet", "Deployment"}
    for before, after in zip(present, suspended, strict=True):
        if before.key.kind in changed:
            assert (before.body["spec"]["replicas"], after.body["spec"]["replicas"]) == (1, 0)
            assert {**before.body["spec"], "replicas": 0} == after.body["spec"]


def test_pods_are_replaced_for_a_new_version_of_the_credentials_and_the_storefront_s_for_another_name() -> None:
    renderer = JinjaRenderer(None, PROFILE)

    def hashes(**changes: Any) -> dict[str, str]:
        return {str(manifest.key): manifest.hash for manifest in renderer.render(snapshot(**changes))}

    before = hashes()
    renamed = hashes(name="Another name")
    assert {key for key in before if before[key] != renamed[key]} == {"Secret/store", "Deployment/storefront"}
    resigned = hashes(secrets={**SECRETS, "storefront_signing_key": "9" * 64})
    assert {key for key in before if before[key] != resigned[key]} == {"Secret/store"}
    rotated = hashes(credentials_version=2)
    assert {key for key in before if before[key] != rotated[key]} == {"Deployment/backend", "Deployment/storefront"}


def test_a_restart_replaces_the_pods_of_server_and_storefront_by_a_mark_that_later_intents_leave_alone() -> None:
    renderer = JinjaRenderer(None, PROFILE)

    def hashes(**changes: Any) -> dict[str, str]:
        return {str(manifest.key): manifest.hash for manifest in renderer.render(snapshot(**changes))}

    before, once, later = hashes(), hashes(generation=2, restarted_generation=2), hashes(generation=3, restarted_generation=2)
    assert {key for key in before if before[key] != once[key]} == {"Deployment/backend", "Deployment/storefront"}
    assert later == once
    again = hashes(generation=4, restarted_generation=4)
    assert {key for key in once if once[key] != again[key]} == {"Deployment/backend", "Deployment/storefront"}


@pytest.mark.parametrize("profile", [PROFILE, LARGE_PROFILE], ids=["plain", "large"])
def test_new_passwords_are_set_by_a_restricted_job_that_reaches_the_database_alone(profile: PlatformProfile) -> None:
    renderer = JinjaRenderer(None, profile)
    before = {manifest.key: manifest for manifest in renderer.render(snapshot())}
    rotating = {manifest.key: manifest for manifest in renderer.render(snapshot(rotation=Rotation.SETTING, pending_secrets=PENDING))}
    fresh = {str(key) for key in rotating.keys() - before.keys()}
    assert fresh == {"Job/rotate-2", "Secret/rotation", "NetworkPolicy/rotation"}
    assert {str(key) for key in before if before[key].hash != rotating[key].hash} == {"NetworkPolicy/database"}, "the pods stay as they are"
    manifests = tuple(rotating.values())
    for manifest in manifests:
        for version in ("1.33", "1.37"):
            kubernetes_validate.validate(dict(manifest.body), version, strict=True)
    job = of_kind(manifests, "Job")["rotate-2"]["spec"]
    labels, pod = job["template"]["metadata"]["labels"], job["template"]["spec"]
    assert (pod["restartPolicy"], pod["automountServiceAccountToken"], pod["serviceAccountName"]) == ("Never", False, "store")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    data = of_kind(manifests, "Secret")["rotation"]["data"]
    assert {v["valueFrom"]["secretKeyRef"]["key"] for v in container["env"] if "valueFrom" in v} == set(data)
    policies = of_kind(manifests, "NetworkPolicy")
    assert policies["rotation"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert "ingress" not in policies["rotation"]["spec"]
    reached = [peer for rule in policies["rotation"]["spec"]["egress"] for peer in rule["to"] if "app.kubernetes.io/component" in str(peer)]
    assert reached == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "database"}}}]
    [let_in] = policies["database"]["spec"]["ingress"]
    assert {peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in let_in["from"]} == {"backend", "rotation"}
    for manifest in manifests:
        if manifest.key.kind != "Secret":
            assert not [name for name, value in PENDING.items() if value in str(manifest.body)], manifest.key


def test_a_suspended_store_s_passwords_wait() -> None:
    renderer = JinjaRenderer(None, PROFILE)
    suspended = renderer.render(snapshot(desired_state=DesiredState.SUSPENDED))
    changes = {"rotation": Rotation.SETTING, "pending_secrets": PENDING}
    assert renderer.render(snapshot(desired_state=DesiredState.SUSPENDED, **changes)) == suspended


def test_rendering_twice_gives_equal_manifests_that_share_nothing_changeable() -> None:
    renderer = JinjaRenderer(None, PROFILE)
    first, second = renderer.render(snapshot()), renderer.render(snapshot())
    assert first == second
    ids = {id(part) for manifest in first for part in parts(manifest.body)}
    assert not ids & {id(part) for manifest in second for part in parts(manifest.body)}


def parts(value: Any) -> Iterator[Any]:
    """Every dict and list within."""
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from parts(item)
