"""Tables. Plain SQLAlchemy: the web, the worker and the command line use the same sessions (app.models.session)."""

from app.models.accounts import AuthSession, Invite, PasswordReset, Throttle
from app.models.base import Base, TenantOwned
from app.models.history import DriftEvent, Event, ReconcileRun
from app.models.platform import DEFAULT_CLUSTER_ID, ClusterRow, Platform
from app.models.records import AuditEntry, IdempotencyKey, Lease, QuotaOverride
from app.models.stores import InventoryObject, Store, StoreCondition
from app.models.tenants import Membership, Tenant, User

__all__ = [
    "DEFAULT_CLUSTER_ID",
    "AuditEntry",
    "AuthSession",
    "Base",
    "ClusterRow",
    "DriftEvent",
    "Event",
    "IdempotencyKey",
    "InventoryObject",
    "Invite",
    "Lease",
    "Membership",
    "PasswordReset",
    "Platform",
    "QuotaOverride",
    "ReconcileRun",
    "Store",
    "StoreCondition",
    "Tenant",
    "TenantOwned",
    "Throttle",
    "User",
]
