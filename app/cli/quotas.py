"""`storeyard quota`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

quota = LazyGroup(
    name="quota",
    help="""What tenants, and the platform as a whole, may hold.

\b
Examples:
  storeyard quota show
  storeyard quota show --tenant acme
  storeyard quota set --tenant acme --stores 20 --reason "campaign" --for 30d
""",
    entries={
        "show": Entry("app.cli.quota_commands:show", "Show use and limits."),
        "set": Entry("app.cli.quota_commands:set_", "Set a tenant's or the platform's limits."),
    },
)
