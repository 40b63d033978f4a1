"""All tables, the append-only audit, and the rows there are from the start.

Names of CHECKs are wrapped in op.f(): the naming convention would put `ck_<table>_` in front of them once more.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DUE_AT = (
    "CASE WHEN gone_at IS NOT NULL OR quarantined_at IS NOT NULL THEN NULL "
    "WHEN generation <> observed_generation THEN COALESCE(next_reconcile_at, created_at) "
    "ELSE next_reconcile_at END"
)

TABLES = (
    "tenants", "users", "memberships", "clusters", "platform", "stores", "conditions", "inventory",
    "reconcile_runs", "events", "drift_events", "audit", "quota_overrides", "idempotency_keys", "leases",
)  # fmt: skip


def upgrade() -> None:
    _tenants()
    _platform()
    _stores()
    _history()
    _records()
    _append_only_audit()
    _first_rows()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_audit_change()")


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("frozen_reason", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("slug", name="uq_tenants_slug"),
        sa.CheckConstraint("frozen = (frozen_reason IS NOT NULL)", name=op.f("ck_tenants_frozen_has_reason")),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_tenants_id_form")),
        sa.CheckConstraint("slug = lower(slug)", name=op.f("ck_tenants_slug_lower_case")),
    )

    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower_case")),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_users_id_form")),
    )

    op.create_table(
        "memberships",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name="pk_memberships"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_memberships_tenant_id_tenants", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("role IN ('owner', 'member', 'viewer')", name=op.f("ck_memberships_role_known")),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])


def _platform() -> None:
    op.create_table(
        "clusters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("expansion_allowed", sa.Boolean(), nullable=False),
        sa.Column("storage_class", sa.Text()),
        sa.Column("version", sa.Text()),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clusters"),
        sa.UniqueConstraint("name", name="uq_clusters_name"),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_clusters_id_form")),
    )
    op.create_index("uq_clusters_is_default", "clusters", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))

    op.create_table(
        "platform",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("stores", sa.Integer()),
        sa.Column("cpu", sa.Integer()),
        sa.Column("memory", sa.Integer()),
        sa.Column("disk", sa.Integer()),
        sa.Column("limits_expire_at", sa.DateTime(timezone=True)),
        sa.Column("drift_mode", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("paused_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_platform"),
        sa.CheckConstraint("drift_mode IN ('repair', 'observe', 'off')", name=op.f("ck_platform_drift_mode_known")),
        sa.CheckConstraint("stores >= 0 AND cpu >= 0 AND memory >= 0 AND disk >= 0", name=op.f("ck_platform_limits_not_negative")),
        sa.CheckConstraint("id = 1", name=op.f("ck_platform_one_row")),
        sa.CheckConstraint("(paused_until IS NULL) = (paused_reason IS NULL)", name=op.f("ck_platform_pause_has_reason")),
    )


def _stores() -> None:
    op.create_table(
        "stores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("desired_state", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("provisioning_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deletion_requested_at", sa.DateTime(timezone=True)),
        sa.Column("drift_mode", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("paused_reason", sa.Text()),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("namespace_uid", sa.Text()),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("credentials_key_id", sa.Text(), nullable=False),
        sa.Column("credentials_version", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("ever_ready", sa.Boolean(), nullable=False),
        sa.Column("first_ready_at", sa.DateTime(timezone=True)),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
        sa.Column("next_reconcile_at", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True), sa.Computed(DUE_AT, persisted=True)),
        sa.Column("wake_after", sa.DateTime(timezone=True)),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("crash_count", sa.Integer(), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True)),
        sa.Column("lease_token", sa.Text()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("lease_holder", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_stores"),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name="fk_stores_cluster_id_clusters"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_stores_tenant_id_tenants"),
        sa.UniqueConstraint("id", "tenant_id", name="uq_stores_id_tenant_id"),
        sa.UniqueConstraint("namespace", name="uq_stores_namespace"),
        sa.CheckConstraint("failure_count >= 0 AND crash_count >= 0", name=op.f("ck_stores_counts_not_negative")),
        sa.CheckConstraint("(desired_state = 'absent') = (deletion_requested_at IS NOT NULL)", name=op.f("ck_stores_deletion_has_time")),
        sa.CheckConstraint("desired_state IN ('present', 'suspended', 'absent')", name=op.f("ck_stores_desired_state_known")),
        sa.CheckConstraint("drift_mode IN ('repair', 'observe', 'off')", name=op.f("ck_stores_drift_mode_known")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_stores_generation_positive")),
        sa.CheckConstraint("gone_at IS NULL OR desired_state = 'absent'", name=op.f("ck_stores_gone_only_if_absent")),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_stores_id_form")),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_stores_lease_whole")),
        sa.CheckConstraint("observed_generation >= 0 AND observed_generation <= generation", name=op.f("ck_stores_observed_not_ahead")),
        sa.CheckConstraint("(paused_until IS NULL) = (paused_reason IS NULL)", name=op.f("ck_stores_pause_has_reason")),
        sa.CheckConstraint(
            "phase IN ('Pending', 'Provisioning', 'Ready', 'Degraded', 'Suspended', 'Deleting', 'Deleted', 'Failed')",
            name=op.f("ck_stores_phase_known"),
        ),
        sa.CheckConstraint("ever_ready = (first_ready_at IS NOT NULL)", name=op.f("ck_stores_ready_has_time")),
    )
    op.create_index("ix_stores_cluster_id", "stores", ["cluster_id"])
    op.create_index("ix_stores_due_at", "stores", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_stores_gone_at", "stores", ["gone_at"], postgresql_where=sa.text("gone_at IS NOT NULL"))
    op.create_index("ix_stores_host_gone_at", "stores", ["host", "gone_at"], postgresql_where=sa.text("gone_at IS NOT NULL"))
    op.create_index("ix_stores_lease_until", "stores", ["lease_until"], postgresql_where=sa.text("lease_until IS NOT NULL"))
    op.create_index("ix_stores_phase", "stores", ["phase"])
    op.create_index("ix_stores_tenant_id_created_at", "stores", ["tenant_id", "created_at"])
    op.create_index("ix_stores_wake_after", "stores", ["wake_after"], postgresql_where=sa.text("wake_after IS NOT NULL"))
    op.create_index("uq_stores_host_not_gone", "stores", ["host"], unique=True, postgresql_where=sa.text("gone_at IS NULL"))
    op.create_index(
        "uq_stores_tenant_id_slug_wanted",
        "stores",
        ["tenant_id", "slug"],
        unique=True,
        postgresql_where=sa.text("desired_state <> 'absent'"),
    )

    op.create_table(
        "conditions",
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("last_transition_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", "type", name="pk_conditions"),
        sa.ForeignKeyConstraint(
            ["store_id", "tenant_id"], ["stores.id", "stores.tenant_id"], name="fk_conditions_store_id_tenant_id_stores", ondelete="CASCADE"
        ),
        sa.CheckConstraint("status IN ('True', 'False', 'Unknown')", name=op.f("ck_conditions_status_known")),
        sa.CheckConstraint(
            "type IN ('Synced', 'Ready', 'Stalled', 'NamespaceReady', 'DatabaseReady', 'BackendReady', 'StorefrontReady', 'AddressReady')",
            name=op.f("ck_conditions_type_known"),
        ),
    )

    op.create_table(
        "inventory",
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("resource_version", sa.Text(), nullable=False),
        sa.Column("manifest_hash", sa.Text(), nullable=False),
        sa.Column("live", JSONB(), nullable=False),
        sa.Column("live_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", "kind", "namespace", "name", name="pk_inventory"),
        sa.ForeignKeyConstraint(
            ["store_id", "tenant_id"], ["stores.id", "stores.tenant_id"], name="fk_inventory_store_id_tenant_id_stores", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_inventory_kind_namespace_name", "inventory", ["kind", "namespace", "name"])


def _history() -> None:
    op.create_table(
        "reconcile_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("outcome", sa.Text()),
        sa.Column("job_id", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("steps", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconcile_runs"),
        sa.ForeignKeyConstraint(
            ["store_id", "tenant_id"],
            ["stores.id", "stores.tenant_id"],
            name="fk_reconcile_runs_store_id_tenant_id_stores",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("finished_at IS NULL OR outcome IS NOT NULL", name=op.f("ck_reconcile_runs_finished_has_outcome")),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_reconcile_runs_id_form")),
    )
    op.create_index("ix_reconcile_runs_started_at", "reconcile_runs", ["started_at"])
    op.create_index("ix_reconcile_runs_store_id_id", "reconcile_runs", ["store_id", "id"])
    op.create_index("ix_reconcile_runs_tenant_id_id", "reconcile_runs", ["tenant_id", "id"])

    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["store_id", "tenant_id"], ["stores.id", "stores.tenant_id"], name="fk_events_store_id_tenant_id_stores", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_store_id_id", "events", ["store_id", "id"])
    op.create_index("ix_events_tenant_id_id", "events", ["tenant_id", "id"])

    op.create_table(
        "drift_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text()),
        sa.Column("before", JSONB()),
        sa.Column("after", JSONB()),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True)),
        sa.Column("run_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_drift_events"),
        sa.ForeignKeyConstraint(
            ["store_id", "tenant_id"],
            ["stores.id", "stores.tenant_id"],
            name="fk_drift_events_store_id_tenant_id_stores",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "class IN ('missing', 'modified', 'extra', 'conflicting', 'immutable', 'foreign')", name=op.f("ck_drift_events_class_known")
        ),
    )
    op.create_index("ix_drift_events_detected_at", "drift_events", ["detected_at"])
    op.create_index("ix_drift_events_store_id_id", "drift_events", ["store_id", "id"])
    op.create_index("ix_drift_events_store_id_unrepaired", "drift_events", ["store_id"], postgresql_where=sa.text("repaired_at IS NULL"))
    op.create_index("ix_drift_events_tenant_id_id", "drift_events", ["tenant_id", "id"])


def _records() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.Text()),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_ip", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_type", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("before", JSONB()),
        sa.Column("after", JSONB()),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.CheckConstraint("actor_kind IN ('user', 'operator', 'token', 'system')", name=op.f("ck_audit_actor_kind_known")),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_target_type_target_id_id", "audit", ["target_type", "target_id", "id"])
    op.create_index("ix_audit_tenant_id_id", "audit", ["tenant_id", "id"])

    op.create_table(
        "quota_overrides",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("stores", sa.Integer()),
        sa.Column("cpu", sa.Integer()),
        sa.Column("memory", sa.Integer()),
        sa.Column("disk", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_quota_overrides"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_quota_overrides_tenant_id_tenants", ondelete="CASCADE"),
        sa.CheckConstraint("actor_kind IN ('user', 'operator', 'token', 'system')", name=op.f("ck_quota_overrides_actor_kind_known")),
        sa.CheckConstraint("id ~ '^[0-9a-hjkmnp-tv-z]{26}$'", name=op.f("ck_quota_overrides_id_form")),
        sa.CheckConstraint("stores >= 0 AND cpu >= 0 AND memory >= 0 AND disk >= 0", name=op.f("ck_quota_overrides_limits_not_negative")),
    )
    op.create_index("ix_quota_overrides_tenant_id_id", "quota_overrides", ["tenant_id", "id"])
    op.create_index(
        "uq_quota_overrides_tenant_id_current",
        "quota_overrides",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )

    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("answer", JSONB()),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "actor_id", "operation", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_idempotency_keys_tenant_id_tenants", ondelete="CASCADE"),
        sa.CheckConstraint("answer IS NOT NULL OR claimed_until IS NOT NULL", name=op.f("ck_idempotency_keys_answered_or_claimed")),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_keys_key_length")),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])

    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _append_only_audit() -> None:
    """Entries are added, never changed. Only the retention job removes old ones: it says so by a setting of its transaction."""
    op.execute(
        """
        CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND current_setting('storeyard.retention', true) = 'on' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'audit is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END
        $$
        """
    )
    op.execute("CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()")
    op.execute("CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()")


def _first_rows() -> None:
    op.execute(
        "INSERT INTO clusters (id, name, is_default, expansion_allowed, created_at) "
        "VALUES ('00000000000000000000000001', 'default', true, false, now())"
    )
    op.execute("INSERT INTO platform (id, drift_mode) VALUES (1, 'repair')")
