"""Passwords of users. Accounts from before have none: nobody can log in with them until one is set.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("password_hash", sa.Text()))
    op.add_column("users", sa.Column("password_set_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(op.f("ck_users_password_has_time"), "users", "(password_hash IS NULL) = (password_set_at IS NULL)")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_users_password_has_time"), "users")
    op.drop_column("users", "password_set_at")
    op.drop_column("users", "password_hash")
