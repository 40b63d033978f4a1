"""`storeyard platform`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

platform = LazyGroup(
    name="platform",
    help="""Switches that hold for all stores.

\b
Examples:
  storeyard platform show
  storeyard platform pause --for 30m --reason "node upgrade"
  storeyard platform mode observe
""",
    entries={
        "show": Entry("app.cli.platform_commands:show", "Show the switches, and who leads."),
        "pause": Entry("app.cli.platform_commands:pause", "Hold the reconciler off all stores for a while."),
        "unpause": Entry("app.cli.platform_commands:unpause", "Let the reconciler at all stores again."),
        "new-stores": Entry("app.cli.platform_commands:new_stores", "Let stores be made, or not for now."),
        "read-only": Entry("app.cli.platform_commands:read_only", "Refuse tenants' changes of stores, or take them again."),
        "mode": Entry("app.cli.platform_commands:mode", "Say what is done about drift of all stores."),
    },
)
