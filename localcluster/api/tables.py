"""Tables: the columns that kubectl prints, filled by the server. Kinds that have no columns of their own show their name and age."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from localcluster.api import cells
from localcluster.api.podcells import pod, pod_conditions
from localcluster.schema import Kind

Body = Mapping[str, Any]
Cells = Callable[[Body, datetime], Sequence[Any]]

# Columns by kind, in one line each: those after the bar are shown with `-o wide` only; a colon gives another type than string.
_WIDE_POD = "Containers, Images, Selector"
_TABLES: Mapping[str, tuple[str, Cells]] = {
    "ConfigMap": ("Name, Data, Age", cells.config_map),
    "CronJob": (
        f"Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age | {_WIDE_POD}",
        cells.cron_job,
    ),
    "DaemonSet": (
        f"Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, Node Selector, Age | {_WIDE_POD}",
        cells.daemon_set,
    ),
    "Deployment": (f"Name, Ready, Up-to-date, Available, Age | {_WIDE_POD}", cells.deployment),
    "EndpointSlice": ("Name, AddressType, Ports, Endpoints, Age", cells.endpoint_slice),
    "Ingress": ("Name, Class, Hosts, Address, Ports, Age", cells.ingress),
    "Job": (f"Name, Status, Completions, Duration, Age | {_WIDE_POD}", cells.job),
    "Lease": ("Name, Holder, Age", cells.lease),
    "LimitRange": ("Name, Created At:date", cells.created_at),
    "Namespace": ("Name, Status, Age", cells.namespace),
    "NetworkPolicy": ("Name, Pod-Selector, Age", cells.network_policy),
    "Node": (
        "Name, Status, Roles, Age, Version | Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime",
        cells.node,
    ),
    "PersistentVolumeClaim": (
        "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age | VolumeMode",
        cells.volume_claim,
    ),
    "Pod": ("Name, Ready, Status, Restarts, Age | IP, Node, Nominated Node, Readiness Gates", pod),
    "ReplicaSet": (f"Name, Desired:integer, Current:integer, Ready:integer, Age | {_WIDE_POD}", cells.replica_set),
    "ResourceQuota": ("Name, Request, Limit, Age", cells.resource_quota),
    "Role": ("Name, Created At:date", cells.created_at),
    "RoleBinding": ("Name, Role, Age | Users, Groups, ServiceAccounts", cells.role_binding),
    "Secret": ("Name, Type, Data, Age", cells.secret),
    "Service": ("Name, Type, Cluster-IP, External-IP, Port(s), Age | Selector", cells.service),
    "ServiceAccount": ("Name, Secrets, Age", cells.service_account),
    "StatefulSet": ("Name, Ready, Age | Containers, Images", cells.stateful_set),
    "StorageClass": (
        "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age",
        cells.storage_class,
    ),
}
# Its wide columns stand between the others, and its name is the last.
_EVENT = "Last Seen, Type, Reason, Object, Subobject|, Source|, Message, First Seen|, Count|, Name|"


@cache
def columns(kind: Kind) -> list[dict[str, Any]]:
    """The columnDefinitions of a kind's Table."""
    if kind.name == "Event":
        return [_column(part.rstrip("|"), wide=part.endswith("|")) for part in _EVENT.split(", ")]
    usual, _, wide = _TABLES.get(kind.name, ("Name, Age", cells.plain))[0].partition(" | ")
    parts = [(part, False) for part in usual.split(", ")] + [(part, True) for part in wide.split(", ") if part]
    return [_column(part, wide=only_wide) for part, only_wide in parts]


def row(kind: Kind, body: Body, now: datetime) -> dict[str, Any]:
    """One object's row, without the object."""
    fill = cells.event if kind.name == "Event" else _TABLES.get(kind.name, ("", cells.plain))[1]
    shown: dict[str, Any] = {"cells": fill(body, now)}
    if kind.name == "Pod" and (conditions := pod_conditions(body)):
        shown["conditions"] = conditions
    return shown


def _column(part: str, *, wide: bool) -> dict[str, Any]:
    name, _, type_ = part.partition(":")
    form = "name" if name == "Name" else ""
    return {"name": name, "type": type_ or "string", "format": form, "description": "", "priority": int(wide)}
