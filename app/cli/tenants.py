"""`storeyard tenant`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

tenant = LazyGroup(
    name="tenant",
    help="""Owners of stores.

\b
Examples:
  storeyard tenant create acme --name "Acme Ltd."
  storeyard tenant list
""",
    entries={
        "create": Entry("app.cli.tenant_commands:create", "Create a tenant."),
        "list": Entry("app.cli.tenant_commands:list_", "List all tenants."),
    },
)
