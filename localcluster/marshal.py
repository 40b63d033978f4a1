"""From what a client sent to what the server stores and answers.

Unknown fields are dropped, empty ones left out, the zeros that Go always writes put in.
The result of `decode` is canonical: equal objects are equal data. Limits: numbers are not range-checked; unknown fields give no warning.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcluster import quantity
from localcluster.schema import Field, Kind, Type

# In this order: a bool is an int to Python.
_JSON_NAMES = ((bool, "bool"), (int | float, "number"), (str, "string"), (list, "array"), (object, "object"))
_GO_NAMES = {"int": "int32", "float": "float64", "any": "map[string]interface {}"}

At = tuple[str, tuple[str, ...]]
"""Where a value is: the innermost struct, and the names that lead to it."""


class DecodeError(ValueError):
    """The body does not fit the Go type; the text is nearly Go's own."""


def decode(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """The object as the server would write it, before defaulting. Raises DecodeError."""
    return {**_struct(kind.type, body, (kind.name, ())), "apiVersion": kind.api_version, "kind": kind.name}


def empty(kind: Kind) -> dict[str, Any]:
    """An object nobody has filled in: what creation is compared with to find its fields' owner."""
    return decode(kind, {})


def _struct(struct: Type, value: Any, path: At) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _mismatch(value, path, struct.name)
    out: dict[str, Any] = {}
    for name, field in struct.fields.items():
        given = value.get(name)
        if given is None:
            if field.always:
                out[name] = _zero(field.type)
            continue
        decoded = _value(field.type, given, (struct.name, (*path[1], name)))
        if field.pointer or field.always or not _empty(decoded, field):
            out[name] = decoded
    return out


def _empty(value: Any, field: Field) -> bool:
    """Whether Go's omitempty leaves it out. Structs are never empty to Go."""
    return field.type.form != "struct" and not value and field.type.name != "intstr"


def _zero(kind: Type) -> Any:
    if kind.form == "struct":
        return _struct(kind, {}, ("", ()))
    zeros = {"string": "", "int": 0, "intstr": 0, "bool": False, "float": 0, "quantity": "0"}
    return zeros.get(kind.name) if kind.form == "leaf" else None


def _value(kind: Type, value: Any, path: At) -> Any:
    if kind.form == "leaf":
        return _leaf(kind.name, value, path)
    if kind.form == "struct":
        return _struct(kind, value, path)
    if kind.form == "map":
        if not isinstance(value, Mapping):
            raise _mismatch(value, path, "map[string]string")
        return {str(key): _element(kind.item, item, path) for key, item in value.items()}
    if not isinstance(value, list):
        raise _mismatch(value, path, f"[]{kind.item.name}")
    return [_element(kind.item, item, path) for item in value]


def _element(kind: Type, value: Any, path: At) -> Any:
    return _zero(kind) if value is None else _value(kind, value, path)


def _leaf(name: str, value: Any, path: At) -> Any:
    if name == "any":
        return value
    if name == "quantity":
        return _quantity(value, path)
    if name in ("time", "microtime"):
        return _time(value, path, micro=name == "microtime")
    if name == "bytes":
        return _bytes(value, path)
    wanted = {"string": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "intstr": (int, str)}[name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and name != "bool"):
        raise _mismatch(value, path, _GO_NAMES.get(name, name))
    return value


def _quantity(value: Any, path: At) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _mismatch(value, path, "resource.Quantity")
    try:
        return quantity.canonical(value)
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _time(value: Any, path: At, *, micro: bool) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, path, "v1.Time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise DecodeError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}"') from error
    if moment.tzinfo is None:
        raise DecodeError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"')
    return timestamp(moment, micro=micro)


def timestamp(moment: datetime, *, micro: bool = False) -> str:
    """As metav1.Time (or MicroTime) is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _bytes(value: Any, path: At) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, path, "[]uint8")
    try:
        raw = base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except binascii.Error as error:
        raise DecodeError("illegal base64 data at input byte 0") from error
    return base64.b64encode(raw).decode()


def _mismatch(value: Any, path: At, wanted: str) -> DecodeError:
    found = next(name for form, name in _JSON_NAMES if isinstance(value, form))
    return DecodeError(f"json: cannot unmarshal {found} into Go struct field {path[0]}.{'.'.join(path[1])} of type {wanted}")
