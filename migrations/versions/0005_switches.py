"""What an operator may switch off for everybody, each with the sentence that people are told.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("platform", sa.Column("no_new_stores", sa.Text()))
    op.add_column("platform", sa.Column("read_only", sa.Text()))


def downgrade() -> None:
    op.drop_column("platform", "read_only")
    op.drop_column("platform", "no_new_stores")
