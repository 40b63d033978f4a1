"""Bodies: YAML by Kubernetes' rules, unknown fields, and whatever else is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster.api.decoding import read_yaml, unknown_fields, unknown_patched
from localcluster.schema import KINDS
from tests.unit.localcluster_api.asking import CM, MAP, Asker

DEPLOYMENT = KINDS["Deployment"].type


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"2026-01-01", "2026-01-01"), (b"12:30", "12:30"), (b"yes", True), (b"007", "007"), (b"1_000", "1_000"), (b"0x1f", "0x1f"),
        (b"-5", -5), (b"1.5", 1.5), (b"1e3", 1000.0), (b"'1'", "1"), (b"~", None), (b"a: {1: b}", {"a": {"1": "b"}}),
    ],
)  # fmt: skip
def test_scalars_of_yaml_are_what_they_look_like(text: bytes, value: Any) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize("text", [b"a: [", b"!!python/object:os.system x", b"\xff\xfe\x00", b"&a [*a]"])
def test_what_is_no_yaml_is_a_plain_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the library's
        read_yaml(text)


def test_unknown_fields_are_named_by_where_they_stand() -> None:
    container = {"name": "m", "image": "x", "imagine": "y", "env": [{"name": "A", "valeu": "b"}]}
    body = {
        "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": [container]}}, "replica": 1},
        "metadata": {"labels": {"x": "y"}},
    }
    assert list(unknown_fields(DEPLOYMENT, body)) == [
        "spec.template.spec.containers[0].imagine",
        "spec.template.spec.containers[0].env[0].valeu",
        "spec.replica",
    ]


@pytest.mark.parametrize(
    ("form", "patch", "unknown"),
    [
        ("merge", {"spec": {"replica": 1}}, ["spec.replica"]),
        ("strategic", {"spec": {"$retainKeys": ["x"], "$patch": "replace"}}, []),
        (
            "json",
            [{"op": "add", "path": "/spec/template/spec/containers/0/imagine", "value": 1}],
            ["spec.template.spec.containers[0].imagine"],
        ),
        ("json", [{"op": "replace", "path": "/spec", "value": {"replica": 1}}], ["spec.replica"]),
        ("json", [{"op": "add", "path": "/metadata/labels/a~1b", "value": "c"}, {"op": "remove", "path": "/nosuch"}], []),
        ("json", [{"op": "add", "path": "/metadata/labels/x/y/z", "value": "c"}, {"op": "add"}], []),
    ],
)
def test_unknown_fields_of_a_patch_are_those_that_it_puts_in(form: Any, patch: Any, unknown: list[str]) -> None:
    assert list(unknown_patched(DEPLOYMENT, form, patch)) == unknown


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"metadata": 1}', b'{"metadata": []}', b'{"kind": 1}', b"\xff"])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    asker = Asker()
    asker.ask("POST", CM, MAP)
    assert asker.ask("POST", CM, body)[0] == 400
    assert asker.ask("PUT", f"{CM}/one", body)[0] == 400
    for form in ("merge-patch", "json-patch", "strategic-merge-patch"):
        code = asker.ask("PATCH", f"{CM}/one", body, content_type=f"application/{form}+json")[0]
        assert code in (400, 422) or (form == "json-patch" and body == b"[]")
    assert asker.ask("PATCH", f"{CM}/one?fieldManager=x", body, content_type="application/apply-patch+yaml")[0] == 400


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["metadata", "name", "labels", "annotations", "finalizers", "ownerReferences", "managedFields", "data", "spec", "ports"]
)
_BODIES = st.recursive(_JSON, lambda inner: st.dictionaries(_FIELDS, inner, max_size=4), max_leaves=8)


@given(
    kind=st.sampled_from(["ConfigMap", "Secret", "Service", "Pod", "Deployment", "Ingress", "ResourceQuota"]), body=_BODIES, meta=_BODIES
)
def test_no_body_makes_the_server_crash(kind: str, body: Any, meta: Any) -> None:
    asker, info = Asker(), KINDS[kind]
    root = f"/apis/{info.api_version}" if info.group else "/api/v1"
    path = f"{root}/namespaces/shop/{info.plural}"
    fields = body if isinstance(body, dict) else {"spec": body}
    named = {**(meta if isinstance(meta, dict) else {"labels": meta}), "name": "x"}
    whole = {**fields, "kind": kind, "apiVersion": info.api_version, "metadata": named}
    answers = [
        asker.ask("POST", path, {**fields, "metadata": meta}),
        asker.ask("POST", path, whole),
        asker.ask("PATCH", f"{path}/x?fieldManager=x&force=true", whole, content_type="application/apply-patch+yaml"),
        asker.ask("PUT", f"{path}/x", whole),
        asker.ask("PATCH", f"{path}/x", fields, content_type="application/merge-patch+json"),
        asker.ask("PATCH", f"{path}/x", fields, content_type="application/strategic-merge-patch+json"),
        asker.ask("DELETE", f"{path}/x", fields),
    ]
    assert not [answer for answer in answers if answer[1].get("reason") == "InternalError"]
