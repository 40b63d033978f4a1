"""Label and field selectors of lists and watches.

Field selectors: metadata.name and metadata.namespace everywhere, and those that the API server knows for some kinds (`FIELDS`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcluster.errors import ApiError
from localcluster.schema import Kind

Body = Mapping[str, Any]
Predicate = Callable[[Body], bool]

_COMMON = ("metadata.name", "metadata.namespace")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
        "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type",
    ),
    "Namespace": ("status.phase",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
    "Job": ("status.successful",),
    "ReplicaSet": ("status.replicas",),
}  # fmt: skip

_SPECIAL: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Event", "source"): ("source", "component"),
    ("Job", "status.successful"): ("status", "succeeded"),
}

_TERM = re.compile(
    r"(?P<key>[^\s=!,()]+)\s*(?:(?P<op>==|=|!=)\s*(?P<value>[^\s=!,()]*)|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?"
    r"|!\s*(?P<absent>[^\s=!,()]+)"
)


def labels(selector: str) -> Predicate:
    """`a=b,c!=d,e,!f,g in (h,i),j notin (k)`. ApiError 400 where it cannot be parsed."""
    tests = [_label_test(term) for term in _terms(selector)]
    return lambda body: all(test((body.get("metadata") or {}).get("labels") or {}) for test in tests)


def _terms(selector: str) -> list[str]:
    return [term.strip() for term in re.split(r",(?![^(]*\))", selector) if term.strip()]


def _label_test(term: str) -> Callable[[Mapping[str, str]], bool]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise ApiError.bad_request(f"unable to parse requirement: {term!r}")
    if absent := match["absent"]:
        return lambda found: absent not in found
    key = match["key"]
    if match["set"]:
        values = [value.strip() for value in match["values"].split(",")]
        if match["set"] == "in":
            return lambda found: found.get(key) in values
        return lambda found: key not in found or found[key] not in values
    if match["op"] is None:
        return lambda found: key in found
    value = match["value"]
    if match["op"] == "!=":
        return lambda found: found.get(key) != value
    return lambda found: found.get(key) == value


def fields(kind: Kind, selector: str) -> Predicate:
    """`a=b,c!=d`. ApiError 400 for a field that this kind cannot be selected by."""
    tests = [_field_test(kind, term) for term in _terms(selector)]
    return lambda body: all(test(body) for test in tests)


def _field_test(kind: Kind, term: str) -> Predicate:
    match = re.fullmatch(r"([^=!]+?)\s*(==|=|!=)\s*(.*)", term)
    if match is None:
        raise ApiError.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    name, operator, wanted = match.groups()
    known = (*_COMMON, *FIELDS.get(kind.name, ()))
    if name not in known:
        listed = ", ".join(f'"{field}"' for field in known)
        raise ApiError.bad_request(f'"{name}" is not a known field selector: only {listed}')
    path = _SPECIAL.get((kind.name, name), tuple(name.split(".")))
    return lambda body: (_text(_dig(body, path)) == wanted) == (operator != "!=")


def _dig(body: Body, path: Sequence[str]) -> Any:
    value: Any = body
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def both(first: Predicate | None, second: Predicate | None) -> Predicate:
    """Each that is given must hold."""
    tests = [test for test in (first, second) if test is not None]
    return lambda body: all(test(body) for test in tests)


def matches(selector: Mapping[str, Any] | None, found: Mapping[str, str]) -> bool:
    """A LabelSelector object, as in a Deployment's spec. None matches nothing, an empty one everything."""
    if selector is None:
        return False
    if any(found.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(rule, found) for rule in selector.get("matchExpressions") or ())


def _expression(rule: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    """One with an operator that there is not matches nothing; workloads with such are refused."""
    key, values = rule.get("key", ""), rule.get("values") or ()
    return {
        "In": key in found and found[key] in values,
        "NotIn": key not in found or found[key] not in values,
        "Exists": key in found,
        "DoesNotExist": key not in found,
    }.get(rule.get("operator", ""), False)
