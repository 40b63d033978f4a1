"""How people come in: sessions, links for new passwords, invitations, counts of attempts.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID_FORM = "id ~ '^[0-9a-hjkmnp-tv-z]{26}$'"


def upgrade() -> None:
    _sessions()
    _resets()
    _invites()
    _throttles()


def downgrade() -> None:
    for table in ("throttles", "invites", "password_resets", "auth_sessions"):
        op.drop_table(table)


def _sessions() -> None:
    op.create_table(
        "auth_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("current_tenant_id", sa.Text()),
        sa.Column("acting_tenant_id", sa.Text()),
        sa.Column("acting_reason", sa.Text()),
        sa.Column("acting_since", sa.DateTime(timezone=True)),
        sa.Column("acting_until", sa.DateTime(timezone=True)),
        sa.Column("address", sa.Text()),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auth_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_auth_sessions_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_auth_sessions_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["current_tenant_id"], ["tenants.id"], name="fk_auth_sessions_current_tenant_id_tenants", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["acting_tenant_id"], ["tenants.id"], name="fk_auth_sessions_acting_tenant_id_tenants", ondelete="CASCADE"),
        sa.CheckConstraint(ID_FORM, name=op.f("ck_auth_sessions_id_form")),
        sa.CheckConstraint(
            "num_nulls(acting_tenant_id, acting_reason, acting_since, acting_until) IN (0, 4)",
            name=op.f("ck_auth_sessions_acting_is_complete"),
        ),
    )
    op.create_index("ix_auth_sessions_user_id", "auth_sessions", ["user_id"])
    op.create_index("ix_auth_sessions_expires_at", "auth_sessions", ["expires_at"])


def _resets() -> None:
    op.create_table(
        "password_resets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_password_resets"),
        sa.UniqueConstraint("token_hash", name="uq_password_resets_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_password_resets_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint(ID_FORM, name=op.f("ck_password_resets_id_form")),
    )
    op.create_index("ix_password_resets_user_id", "password_resets", ["user_id"])
    op.create_index("ix_password_resets_expires_at", "password_resets", ["expires_at"])


def _invites() -> None:
    op.create_table(
        "invites",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invites"),
        sa.UniqueConstraint("token_hash", name="uq_invites_token_hash"),
        sa.UniqueConstraint("tenant_id", "email", name="uq_invites_tenant_id_email"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_invites_tenant_id_tenants", ondelete="CASCADE"),
        sa.CheckConstraint(ID_FORM, name=op.f("ck_invites_id_form")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_invites_email_lower_case")),
        sa.CheckConstraint("role IN ('owner', 'member', 'viewer')", name=op.f("ck_invites_role_known")),
    )
    op.create_index("ix_invites_expires_at", "invites", ["expires_at"])


def _throttles() -> None:
    kinds = "'log_in_account', 'log_in_address', 'sign_up_address', 'reset_account', 'reset_address', 'invite_tenant'"
    op.create_table(
        "throttles",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_throttles"),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_throttles_kind_known")),
    )
    op.create_index("ix_throttles_expires_at", "throttles", ["expires_at"])
