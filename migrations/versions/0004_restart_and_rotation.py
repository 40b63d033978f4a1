"""Restarts as desired state, and credentials that are replaced step by step.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = (
    "Synced", "Ready", "Stalled", "NamespaceReady", "DatabaseReady", "BackendReady", "StorefrontReady", "AddressReady",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("stores", sa.Column("restarted_generation", sa.Integer()))
    op.add_column("stores", sa.Column("rotation", sa.Text()))
    op.add_column("stores", sa.Column("pending_credentials", sa.LargeBinary()))
    op.add_column("stores", sa.Column("pending_credentials_key_id", sa.Text()))
    op.create_check_constraint(op.f("ck_stores_rotation_known"), "stores", "rotation IN ('setting', 'switching')")
    whole = "(rotation IS NULL) = (pending_credentials IS NULL) AND (rotation IS NULL) = (pending_credentials_key_id IS NULL)"
    op.create_check_constraint(op.f("ck_stores_rotation_has_credentials"), "stores", whole)
    _condition_types(*BEFORE, "CredentialsRotated")


def downgrade() -> None:
    op.execute("DELETE FROM conditions WHERE type = 'CredentialsRotated'")
    _condition_types(*BEFORE)
    for name in ("rotation_has_credentials", "rotation_known"):
        op.drop_constraint(op.f(f"ck_stores_{name}"), "stores")
    for name in ("pending_credentials_key_id", "pending_credentials", "rotation", "restarted_generation"):
        op.drop_column("stores", name)


def _condition_types(*types: str) -> None:
    op.drop_constraint(op.f("ck_conditions_type_known"), "conditions")
    listed = ", ".join(f"'{type_}'" for type_ in types)
    op.create_check_constraint(op.f("ck_conditions_type_known"), "conditions", f"type IN ({listed})")
