"""F31: whatever a store is called, it has the same objects, keys and types as any other, and its name arrives as it was written."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.adapters.jinja import JinjaRenderer
from app.domain.errors import TemplateError
from app.domain.manifests import Manifest
from app.domain.settings import SETTINGS
from tests.golden.stores import PROFILE, snapshot

RENDERER = JinjaRenderer(None, PROFILE)


def shape(value: Any) -> Any:
    """Keys, list lengths and types, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value)


NEUTRAL = RENDERER.render(snapshot())
SHAPE = [(manifest.key, shape(manifest.body)) for manifest in NEUTRAL]

NASTY = [
    "\"quoted\" and 'quoted'",
    "two\nlines\n---\nkind: Secret",
    "{{ secrets.admin_password }}",
    "{% for a in b %}",
    "a: b # c",
    "[a, {b: c}]",
    "&anchor *alias !!tag",
    "$(ADMIN_PASSWORD) $$(X) $",
    "\ue0000\ue001",
    "\x00\x01\x85\u2028\ufeff",
    "yes",
    "0123",
    "",
    "  ",
    "💐 Ünïcode שלום",
]


def body_of(manifests: tuple[Manifest, ...], kind: str, name: str) -> Any:
    return next(manifest.body for manifest in manifests if (manifest.key.kind, manifest.key.name) == (kind, name))


def expanded(value: str, variables: dict[str, str]) -> str:
    """What Kubernetes makes of `env.value`. Source: k8s.io/kubernetes/third_party/forked/golang/expansion."""
    return re.sub(r"\$(?:(\$)|\(([^)]*)\))", lambda found: found[1] or variables.get(found[2], found[0]), value)


def storefront(manifests: tuple[Manifest, ...]) -> dict[str, Any]:
    """What the storefront is given, by name."""
    container = body_of(manifests, "Deployment", "storefront")["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container["env"]}


def with_examples(test: Any) -> Any:
    for text in NASTY:
        test = example(text)(test)
    return test


@with_examples
@given(st.text())
def test_a_store_s_name_changes_nothing_but_values_that_show_that_name(name: str) -> None:
    manifests = RENDERER.render(snapshot(name=name))
    assert [(manifest.key, shape(manifest.body)) for manifest in manifests] == SHAPE
    changed = [str(after.key) for before, after in zip(NEUTRAL, manifests, strict=True) if before != after]
    assert changed == ([] if name == snapshot().name else ["Secret/store", "Deployment/storefront"])
    shown = storefront(manifests)
    assert expanded(shown["STORE_NAME"], {"ADMIN_PASSWORD": "stolen"}) == name
    assert {**shown, "STORE_NAME": "", "INITIAL": ""} == {**storefront(NEUTRAL), "STORE_NAME": "", "INITIAL": ""}
    data = body_of(manifests, "Secret", "store")["data"]
    assert base64.b64decode(data["store_name"]).decode() == name
    assert {**data, "store_name": ""} == {**body_of(NEUTRAL, "Secret", "store")["data"], "store_name": ""}


@with_examples
@given(st.text())
def test_a_host_cannot_change_the_structure_and_arrives_as_it_is(host: str) -> None:
    manifests = RENDERER.render(snapshot(host=host))
    assert [(manifest.key, shape(manifest.body)) for manifest in manifests] == SHAPE
    assert body_of(manifests, "Ingress", "store")["spec"]["rules"][0]["host"] == host
    container = body_of(manifests, "Deployment", "backend")["spec"]["template"]["spec"]["containers"][0]
    (url,) = [variable["value"] for variable in container["env"] if variable["name"] == "PUBLIC_URL"]
    assert expanded(url, {"ADMIN_PASSWORD": "stolen"}) == f"http://{host}"
    assert storefront(manifests)["PUBLIC_URL"] == url


@with_examples
@given(st.text())
def test_a_setting_changes_one_value_which_arrives_as_it_was_written(text: str) -> None:
    for field in SETTINGS:
        manifests = RENDERER.render(snapshot(settings={field: text}))
        assert [(manifest.key, shape(manifest.body)) for manifest in manifests] == SHAPE
        shown, neutral = storefront(manifests), storefront(NEUTRAL)
        assert expanded(shown[field.upper()], {"ADMIN_PASSWORD": "stolen"}) == (text or neutral[field.upper()])
        assert {**shown, field.upper(): ""} == {**neutral, field.upper(): ""}
        assert [after for before, after in zip(NEUTRAL, manifests, strict=True) if before != after and after.key.name != "storefront"] == []


@with_examples
@given(st.text())
def test_a_slug_cannot_change_the_structure_and_arrives_as_it_is(slug: str) -> None:
    manifests = RENDERER.render(snapshot(slug=slug))
    assert [(manifest.key, shape(manifest.body)) for manifest in manifests] == SHAPE
    assert {manifest.body["metadata"]["labels"]["app.kubernetes.io/instance"] for manifest in manifests} == {slug}


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_surrogate_pair_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        RENDERER.render(snapshot(host=text))
    assert text not in caught.value.message
