"""What counts against quotas, by tenant and plan: read by every creation, and for all tenants by the console.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_stores_tenant_id_plan_not_gone", "stores", ["tenant_id", "plan"], postgresql_where=sa.text("gone_at IS NULL"))


def downgrade() -> None:
    op.drop_index("ix_stores_tenant_id_plan_not_gone", "stores")
