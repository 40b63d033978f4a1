"""Quantities, canonical form, defaults and patches: the parts that are functions of their input."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster import defaults, jsonpatch, marshal, mergepatch, quantity, typed
from localcluster.schema import KINDS, Type, struct
from tests.unit.localcluster.shapes import Body, deployments


@pytest.mark.parametrize(
    ("given_", "canonical"),
    [
        ("0.5", "500m"), (0.5, "500m"), ("500m", "500m"), ("1000m", "1"), (1, "1"), ("1024Mi", "1Gi"), ("0.5Gi", "512Mi"),
        ("0.1Gi", "107374182400m"), ("1e3", "1e3"), ("1000", "1k"), ("1500", "1500"), ("128M", "128M"), ("1.5Gi", "1536Mi"), ("0", "0"),
        ("-1", "-1"), ("0Mi", "0"), ("1023", "1023"), ("100Ki", "100Ki"), ("1u", "1u"), ("+5", "5"), (".5", "500m"), ("5.", "5"),
    ],
)  # fmt: skip
def test_quantities_are_written_as_the_server_does(given_: str | float, canonical: str) -> None:
    assert quantity.canonical(given_) == canonical


@pytest.mark.parametrize("text", ["", "x", "1x", "1 Gi", "--1", "1e", "."])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        quantity.parse(text)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "n", "u"]))
def test_a_canonical_quantity_is_its_own_and_has_the_same_value(number: int, suffix: str) -> None:
    written = quantity.canonical(f"{number}{suffix}")
    assert quantity.canonical(written) == written
    assert quantity.parse(written).value == quantity.parse(f"{number}{suffix}").value
    assert isinstance(quantity.parse(written).value, Fraction)


@given(deployments)
def test_defaulting_a_canonical_object_twice_changes_nothing_more(body: Body) -> None:
    kind = KINDS["Deployment"]
    first = marshal.decode(kind, body)
    defaults.apply_defaults(kind, first)
    first = marshal.decode(kind, first)
    second = marshal.decode(kind, first)
    defaults.apply_defaults(kind, second)
    assert second == first
    typed.check(kind.type, first)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_empty_object_of_each_kind_is_canonical(kind: str) -> None:
    nothing = marshal.empty(KINDS[kind])
    assert marshal.decode(KINDS[kind], nothing) == nothing


def test_every_type_that_is_named_is_described() -> None:
    waiting, known = [kind.type for kind in KINDS.values()], set()
    while waiting:
        kind = waiting.pop()
        while kind.element is not None:
            kind = kind.element
        if kind.form != "struct" or kind.name in known:
            continue
        known.add(kind.name)
        fields = struct(kind.name)
        waiting += [field.type for field in fields.values()]
    assert len(known) > 200


def test_empty_values_are_left_out_and_pointers_and_zeros_of_go_kept() -> None:
    pod = marshal.decode(
        KINDS["Pod"],
        {
            "metadata": {"name": "p", "labels": {}, "unknown": 1},
            "spec": {"hostNetwork": False, "automountServiceAccountToken": False, "containers": [{"name": "c", "args": [], "tty": False}]},
        },
    )
    assert pod["metadata"] == {"name": "p"}
    assert pod["spec"] == {"automountServiceAccountToken": False, "containers": [{"name": "c", "resources": {}}]}
    assert pod["status"] == {}


@pytest.mark.parametrize(
    ("operations", "expected", "reason"),
    [
        ([{"op": "add", "path": "/list/1", "value": 9}], {"list": [1, 9, 2], "map": {"a/b": 1}}, "inserts"),
        ([{"op": "add", "path": "/list/-", "value": 9}], {"list": [1, 2, 9], "map": {"a/b": 1}}, "appends"),
        ([{"op": "replace", "path": "/list/0", "value": 9}], {"list": [9, 2], "map": {"a/b": 1}}, "replaces"),
        ([{"op": "remove", "path": "/list/0"}], {"list": [2], "map": {"a/b": 1}}, "removes"),
        ([{"op": "replace", "path": "/map/a~1b", "value": 2}], {"list": [1, 2], "map": {"a/b": 2}}, "reads escapes"),
        ([{"op": "replace", "path": "/map/new", "value": 2}], {"list": [1, 2], "map": {"a/b": 1, "new": 2}}, "as the server: adds"),
        ([{"op": "move", "from": "/list/0", "path": "/map/c"}], {"list": [2], "map": {"a/b": 1, "c": 1}}, "moves"),
        ([{"op": "copy", "from": "/list", "path": "/map/c"}], {"list": [1, 2], "map": {"a/b": 1, "c": [1, 2]}}, "copies"),
        ([{"op": "test", "path": "/list", "value": [1, 2]}], {"list": [1, 2], "map": {"a/b": 1}}, "holds"),
        ([{"op": "replace", "path": "", "value": 5}], 5, "the whole document"),
    ],
)
def test_json_patch(operations: list[Body], expected: Any, reason: str) -> None:
    document = {"list": [1, 2], "map": {"a/b": 1}}
    assert jsonpatch.patch(document, operations) == expected, reason
    assert document == {"list": [1, 2], "map": {"a/b": 1}}, "the document is not touched"


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/none"}],
        [{"op": "remove", "path": "/list/7"}],
        [{"op": "add", "path": "/list/7", "value": 1}],
        [{"op": "add", "path": "/none/deep", "value": 1}],
        [{"op": "test", "path": "/list/0", "value": 9}],
        [{"op": "test", "path": "/none", "value": 9}],
        [{"op": "jump", "path": "/list"}],
        [{"op": "add", "path": "list", "value": 1}],
        ["no operation"],
        {"op": "add"},
    ],
)
def test_json_patches_that_cannot_be_done(operations: Any) -> None:
    with pytest.raises(jsonpatch.PatchError):
        jsonpatch.patch({"list": [1]}, operations)


def test_merge_patch() -> None:
    document = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert mergepatch.merge(document, {"a": {"b": None, "e": 3}, "d": [2]}) == {"a": {"c": 2, "e": 3}, "d": [2]}


@pytest.mark.parametrize(
    ("patch", "names", "reason"),
    [
        ({"env": [{"name": "C"}]}, "CAB", "what is new leads"),
        ({"env": [{"name": "B"}]}, "AB", "what is known keeps its place"),
        ({"env": [{"name": "C"}], "$setElementOrder/env": [{"name": "A"}, {"name": "C"}, {"name": "B"}]}, "ACB", "the order asked for"),
        ({"env": [{"name": "A", "$patch": "delete"}]}, "B", "deleted"),
        ({"env": [{"$patch": "replace"}, {"name": "Z"}]}, "Z", "replaced as a whole"),
        ({"env": None}, "", "removed"),
        ({"args": ["x"]}, "AB", "other fields stay"),
    ],
)
def test_strategic_merge_patch(patch: Body, names: str, reason: str) -> None:
    container = {"name": "main", "env": [{"name": "A"}, {"name": "B"}]}
    patched = mergepatch.strategic(Type("struct", "Container"), container, patch)
    assert "".join(item["name"] for item in patched.get("env", ())) == names, reason


def test_finalizers_are_merged_by_value() -> None:
    patched = mergepatch.strategic(Type("struct", "ObjectMeta"), {"finalizers": ["a"]}, {"finalizers": ["b", "a"]})
    assert sorted(patched["finalizers"]) == ["a", "b"]
    removed = mergepatch.strategic(Type("struct", "ObjectMeta"), {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]})
    assert removed["finalizers"] == ["b"]
