"""A release that is wrong says so with file, line and a rule; never with a value, which may be a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.jinja import JinjaRenderer
from app.domain.errors import TemplateError, UnknownEngine
from tests.golden.stores import PROFILE, SECRETS, snapshot

SHIPPED = Path(__file__).parents[2] / "k8s_templates/medusa/r1"
METADATA = 'metadata: {name: a, namespace: {{ store.namespace }}, labels: {{ labels("x") }}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An engine's release with a valid engine.toml and no template."""
    folder = tmp_path / "shop/r1"
    folder.mkdir(parents=True)
    (folder / "engine.toml").write_text((SHIPPED / "engine.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def render(folder: Path, template: str) -> list[dict[str, object]]:
    (folder / "10-a.yaml.j2").write_text(template, encoding="utf-8")
    manifests = JinjaRenderer(folder.parents[1], PROFILE).render(snapshot(engine="shop"))
    return [dict(manifest.body) for manifest in manifests]


def secret(tail: str) -> str:
    return f"apiVersion: v1\nkind: Secret\n{METADATA}\n{tail}"


@pytest.mark.parametrize(
    ("template", "line", "problem"),
    [
        pytest.param("a: 1\nb: {{ nothing }}\n", 2, "'nothing' is undefined", id="an unknown name"),
        pytest.param("a: 1\n\nb: {{ secrets.pin }}\n", 3, "no attribute 'pin'", id="a credential that the engine does not have"),
        pytest.param("a: {{ store.namespace_uid }}\n", 1, "NoneType", id="None is a value forgotten"),
        pytest.param("a: {{ store.name.upper }}\n", 1, "cannot hold", id="a method that was not called"),
        pytest.param("a: {{ store.__class__ }}\n", 1, "unsafe", id="the sandbox"),
        pytest.param("a: {{ store.provisioning_since }}\n", 1, "datetime", id="a type that JSON lacks"),
        pytest.param("a: 1\nb: {% if %}\n", 2, "Expected an expression", id="Jinja syntax"),
        pytest.param("a: 1\nb: {{ store.name | shout }}\n", 2, "No filter named 'shout'", id="an unknown filter"),
        pytest.param("a: 1\nb: {{ store.name + 1 }}\n", 2, "failed with TypeError", id="an expression that cannot be computed"),
        pytest.param("a: 1\nb: {{ 1 | b64 }}\n", 2, "failed with AttributeError", id="a filter that fails"),
        pytest.param("{% macro m() %}a{% endmacro %}\na: 1\n", 1, "macro", id="a macro makes text of values"),
        pytest.param("a: 1\n{% set b %}x{% endset %}\n", 2, "assignblock", id="a kept block makes text of values"),
        pytest.param("a: 1\n{% include 'engine.toml' %}\n", 2, "include", id="an included file"),
        pytest.param("a: 1\nb: \ue000\n", 2, "U+E000", id="the renderer's own characters"),
        pytest.param("a: 1\nb: [\n", 2, "not valid YAML", id="YAML syntax"),
        pytest.param("a: 1\nb: \x01\n", 2, "not valid YAML", id="a control character"),
        pytest.param("a: 1\n{{ store.name }}: 2\n", 2, "a key cannot be interpolated", id="a value as a key"),
        pytest.param("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "the key 'c' stands here twice", id="a key twice"),
        pytest.param("a: 1\n1: 2\n", 2, "a key must be text", id="a number as a key"),
        pytest.param("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "a key must be text", id="a merge key"),
        pytest.param("a: 2020-01-01\n", 1, "put it in quotes", id="YAML makes a date of it"),
        pytest.param("a: 1.10\n", 1, "put it in quotes", id="YAML makes 1.1 of it"),
        pytest.param("a: !!binary aGk=\n", 1, "put it in quotes", id="a tag"),
        pytest.param("a: !x {b: 1}\n", 1, "tag", id="a tag of one's own"),
        pytest.param("- a\n", 1, "must be a mapping", id="a list"),
        pytest.param("a: x{{ labels('x') }}\n", 1, "cannot stand within text", id="a mapping within text"),
        pytest.param("{% for i in [1, 2, 3] %}\n---\na: 1\n{% endfor %}\nb: [\n", 5, "not valid YAML", id="lines count behind a loop"),
        pytest.param("{% if false %}\na\nb\n{% endif %}\nc: 1\nd: 'x\n", 6, "not valid YAML", id="lines count behind what is left out"),
        pytest.param(f"apiVersion: v1\nkind: Potato\n{METADATA}\n", 1, "'Potato' is not one", id="an unknown kind"),
        pytest.param(f"apiVersion: v2\nkind: Secret\n{METADATA}\n", 1, "expected 'v1'", id="a wrong API version"),
        pytest.param(secret("---\n").replace("store.namespace", "'default'"), 1, "not in the store's namespace", id="another namespace"),
        pytest.param(secret("").replace("name: a,", "name: A_b,"), 1, "not a DNS name", id="a name that Kubernetes refuses"),
        pytest.param(secret("").replace("name: a,", ""), 1, "no metadata.name", id="no name"),
        pytest.param(secret("").replace('labels: {{ labels("x") }}', ""), 1, "label app.kubernetes.io/managed-by", id="no labels"),
        pytest.param("apiVersion: v1\nkind: Secret\nmetadata: text\n", 1, "not shaped", id="metadata that is no mapping"),
        pytest.param(secret("---\n") + secret(""), None, "rendered twice", id="an object twice"),
        pytest.param(secret("spec: {template: {metadata: {}}}\n"), 1, "its pods' label", id="pods that do not say whose they are"),
    ],
)
def test_a_bad_template_names_its_file_its_line_and_the_rule(folder: Path, template: str, line: int | None, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(folder, template)
    assert caught.value.data == {"file": "shop/r1/10-a.yaml.j2", "line": line}
    assert caught.value.message.startswith("shop/r1/10-a.yaml.j2" + (f":{line}: " if line else ": "))
    assert problem in caught.value.message
    assert not [value for value in SECRETS.values() if value in caught.value.message]


def test_a_hole_alone_keeps_its_value_s_type_and_quotes_make_text(folder: Path) -> None:
    template = secret(
        "data:\n  a: {{ 1 }}\n  b: \"{{ 1 }}\"\n  c: {{ 1 }}Mi\n  d: {{ true }}\n  e: {{ '1' }}\n  f: {{ ['x', 2] }}\n  g: on{{ 1 }}\n"
    )
    (body,) = render(folder, template)
    assert body["data"] == {"a": 1, "b": "1", "c": "1Mi", "d": True, "e": "1", "f": ["x", 2], "g": "on1"}


def test_empty_documents_and_files_render_to_nothing(folder: Path) -> None:
    assert render(folder, "# nothing\n---\n---\n{% if false %}\na: 1\n{% endif %}\n") == []


TOML = (SHIPPED / "engine.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        pytest.param('title = "Medusa"', "title = ", 2, "not valid TOML", id="syntax"),
        pytest.param('title = "Medusa"', "", None, "the key 'title' is missing", id="a missing key"),
        pytest.param('title = "Medusa"', "title = 1", None, "'title' must be a str", id="a wrong type"),
        pytest.param('title = "Medusa"', 'title = "M"\ncolour = 1', None, "unknown key 'colour'", id="an unknown key"),
        pytest.param('form = "hex"', 'form = "octal"', None, "none of password, hex, literal", id="an unknown form"),
        pytest.param("length = 20", "size = 20", None, "unknown key 'size'", id="an unknown key of a secret"),
        pytest.param("length = 20", 'length = "20"', None, "must be of type int", id="a wrong type of a secret's key"),
        pytest.param('name = "jwt_secret"', 'name = "cookie_secret"', None, "stands here twice", id="a name twice"),
        pytest.param('value = "admin@{host}"', "", None, "'value' belongs", id="a literal without a value"),
        pytest.param('image = "backend"', 'image = "front"', None, "no image 'front'", id="an image that is not listed"),
        pytest.param('"BackendReady"', '"BackendSteady"', None, "'BackendSteady' is none of", id="an unknown condition"),
        pytest.param('name = "backend"\n', 'name = "cache"\n', None, "gives it no size", id="a component without a size in the plans"),
        pytest.param('admin_path = "/app"', 'admin_path = "app"', None, "slash", id="a relative path"),
        pytest.param('kind = "Deployment"', "", None, "the key 'kind' is missing", id="a component's missing key"),
    ],
)
def test_a_bad_engine_file_names_itself_and_the_rule(folder: Path, old: str, new: str, line: int | None, problem: str) -> None:
    assert old in TOML
    (folder / "engine.toml").write_text(TOML.replace(old, new), encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        JinjaRenderer(folder.parents[1], PROFILE).engines()
    assert caught.value.data == {"file": "shop/r1/engine.toml", "line": line}
    assert problem in caught.value.message


def test_a_release_s_folder_must_have_a_number(folder: Path) -> None:
    folder.rename(folder.parent / "latest")
    with pytest.raises(TemplateError, match="not 'latest'"):
        JinjaRenderer(folder.parents[1], PROFILE).engines()


def test_the_newest_release_is_the_one_of_the_highest_number(folder: Path) -> None:
    for name in ("r2", "r10"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "engine.toml").write_text(TOML, encoding="utf-8")
    renderer = JinjaRenderer(folder.parents[1], PROFILE)
    assert renderer.engine("shop").release == "r10"
    assert [(engine.name, engine.release) for engine in renderer.engines()] == [("shop", "r10")]
    assert renderer.engine("shop", "r2").release == "r2"


def test_unknown_engines_and_releases_are_answered_with_those_that_exist() -> None:
    renderer = JinjaRenderer(None, PROFILE)
    with pytest.raises(UnknownEngine, match="Choose one of: medusa") as caught:
        renderer.engine("vendure")
    assert caught.value.data == {"field": "engine", "known": ["medusa"]}
    with pytest.raises(UnknownEngine, match="no release 'r99'") as caught:
        renderer.engine("medusa", "r99")
    assert caught.value.data == {"field": "release", "known": ["r1"]}
