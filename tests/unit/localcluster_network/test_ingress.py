"""What Ingresses claim, who gets it, and what Caddy is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcluster.network.caddy import bootstrap, main, socket_path
from localcluster.network.ingress import Claim, claims, config, settle
from tests.unit.localcluster_network.objects import backend, ingress, pod, rule, service

SERVICES = {"web": service("web"), "api": service("api")}
PODS = [pod("127.64.0.1", app="web"), pod("127.64.0.2", app="api"), pod("127.64.0.3", app="api")]


def claimed(*rules: dict[str, Any], **more: Any) -> tuple[Claim, ...]:
    return claims(ingress(*rules, **more), SERVICES, PODS)


def test_a_claim_leads_to_the_pods() -> None:
    (claim,) = claimed(rule("Shop.Localhost", ("/api/", "Prefix", "api")))
    assert (claim.host, claim.path, claim.exact) == ("shop.localhost", "/api", False)
    assert claim.upstreams == (("127.64.0.2", 8080), ("127.64.0.3", 8080))


@pytest.mark.parametrize(
    "wanted", [backend("nobody"), backend("web", 81), backend("web", "other"), {"resource": {"kind": "Bucket", "name": "b"}}]
)
def test_a_backend_that_is_not_there_is_claimed_and_leads_nowhere(wanted: dict[str, Any]) -> None:
    (claim,) = claimed(default=wanted)
    assert (claim.host, claim.path, claim.upstreams) == ("", "", ())


def test_a_port_may_be_named() -> None:
    (claim,) = claimed(default=backend("web", "main"))
    assert claim.upstreams == (("127.64.0.1", 8080),)


def test_a_default_backend_takes_the_rest_of_its_hosts() -> None:
    found = claimed(rule("a.localhost", ("/x", "Prefix", "api")), rule("b.localhost", ("/", "Prefix", "api")), default=backend("web"))
    assert [(claim.host, claim.path, len(claim.upstreams)) for claim in found] == [
        ("a.localhost", "/x", 2),
        ("b.localhost", "", 2),
        ("a.localhost", "", 1),
    ]


def test_the_older_ingress_has_what_two_claim() -> None:
    young = claimed(rule("a.localhost", ("/", "Prefix", "web"), ("/young", "Prefix", "web")), name="young", created="2026-01-02T00:00:00Z")
    old = claimed(rule("A.localhost", ("/", "Prefix", "api"), ("/", "Exact", "api")), name="old", created="2026-01-01T00:00:00Z")
    held, refused = settle([*young, *old])
    assert {(claim.owner.name, claim.path, claim.exact) for claim in held} == {
        ("old", "", False),
        ("old", "/", True),
        ("young", "/young", False),
    }
    assert [(claim.owner.name, claim.path, holder.name) for claim, holder in refused] == [("young", "", "old")]


def test_of_the_same_age_the_first_name_has_it_whatever_the_order() -> None:
    one, two = (claimed(rule("a.localhost", ("/", "Prefix", "web")), name=name) for name in ("one", "two"))
    assert settle([*one, *two]) == settle([*two, *one])
    assert settle([*two, *one])[0][0].owner.name == "one"


def routes(*held: Claim) -> list[dict[str, Any]]:
    return config(held, port=1234, admin="unix//run/admin")[0]["apps"]["http"]["servers"]["shops"]["routes"]


def test_plain_hosts_come_before_wildcards_and_those_before_any_host() -> None:
    found = claimed(*[rule(host, ("/", "Prefix", "web")) for host in ("", "*.localhost", "b.localhost", "*.deep.localhost", "a.localhost")])
    hosts = [route.get("match", [{"host": ["any"]}])[0]["host"][0] for route in routes(*found)[:-1]]
    assert hosts == ["a.localhost", "b.localhost", "*.deep.localhost", "*.localhost", "any"]


def test_long_paths_come_first_and_exact_ones_before_prefixes() -> None:
    paths = [("/", "Prefix"), ("/a", "Prefix"), ("/a", "Exact"), ("/a/b", "ImplementationSpecific"), ("/", "Exact"), ("/a.b+", "Prefix")]
    found = claimed(rule("a.localhost", *[(path, kind, "web") for path, kind in paths]))
    inner = routes(*found)[0]["handle"][0]["routes"]
    patterns = [route["match"][0]["path_regexp"]["pattern"] if "match" in route else "" for route in inner]
    assert patterns == [r"^/a\.b\+(/|$)", "^/a/b(/|$)", "^/a$", "^/a(/|$)", "^/$", "", ""]


def test_a_mark_tells_configurations_apart() -> None:
    one, two = claimed(rule("a.localhost", ("/", "Prefix", "web"))), claimed(rule("a.localhost", ("/", "Prefix", "api")))
    marks = [config(held, port=port, admin="unix//run/admin")[1] for held, port in ((one, 1), (one, 1), (two, 1), (one, 2), ((), 1))]
    assert marks[0] == marks[1]
    assert len(set(marks)) == 4


def test_nothing_listens_but_the_shops_port_and_the_admin_socket() -> None:
    whole = config(claimed(rule("a.localhost", ("/", "Prefix", "web"))), port=1234, admin="unix//run/admin")[0]
    assert whole["admin"] == {"listen": "unix//run/admin", "config": {"persist": False}}
    assert [server["listen"] for server in whole["apps"]["http"]["servers"].values()] == [["127.0.0.1:1234"]]


def test_the_first_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--admin", "unix//run/admin"]) == 0
    assert json.loads(capsys.readouterr().out) == bootstrap("unix//run/admin")
    assert "apps" not in bootstrap("unix//run/admin")


@pytest.mark.parametrize("wrong", ["localhost:2019", "/run/admin", "unix/run/admin", "unix//" + "x" * 120, ""])
def test_an_admin_address_that_is_no_unix_socket_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="socket"):
        socket_path(wrong)
    with pytest.raises(SystemExit):
        main(["--admin", wrong])
    assert "socket" in capsys.readouterr().err
