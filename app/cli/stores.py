"""`storeyard store`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

store = LazyGroup(
    name="store",
    help="""Stores: create, look at, change, delete.

STORE is a store's id, or its slug; --tenant says whose where several tenants have one of that slug.

\b
Examples:
  storeyard store create bakery --tenant acme --wait
  storeyard store list --phase Degraded
  storeyard store show bakery
  storeyard store plan bakery standard --wait
""",
    entries={
        "create": Entry("app.cli.store_create:create", "Create a store."),
        "list": Entry("app.cli.store_views:list_", "List stores."),
        "show": Entry("app.cli.store_views:show", "Show all that is known of a store."),
        "credentials": Entry("app.cli.store_views:credentials", "Show how to sign in to a store's admin."),
        "events": Entry("app.cli.store_history:events", "Show what happened to a store."),
        "runs": Entry("app.cli.store_history:runs", "Show the reconciler's passes over a store."),
        "drift": Entry("app.cli.store_history:drift", "Show what was changed in the cluster by others."),
        "plan": Entry("app.cli.store_changes:plan", "Give a store another size."),
        "settings": Entry("app.cli.store_settings:settings", "Show or change how a shop looks."),
        "suspend": Entry("app.cli.store_changes:suspend", "Stop a store and keep its data."),
        "resume": Entry("app.cli.store_changes:resume", "Start a suspended store again."),
        "restart": Entry("app.cli.store_changes:restart", "Give a store new pods."),
        "rotate-credentials": Entry("app.cli.store_changes:rotate", "Replace a store's passwords."),
        "delete": Entry("app.cli.store_changes:delete", "Delete a store and all its data."),
        "pause": Entry("app.cli.store_switches:pause", "Hold the reconciler off a store for a while."),
        "unpause": Entry("app.cli.store_switches:unpause", "Let the reconciler at a store again."),
        "mode": Entry("app.cli.store_switches:mode", "Say what is done about drift of a store."),
    },
)
