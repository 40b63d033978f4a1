"""`storeyard vault`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

vault = LazyGroup(
    name="vault",
    help="""The keys that credentials are sealed with.

\b
Examples:
  export STOREYARD_VAULT_KEYS=$(storeyard vault new-key)
""",
    entries={"new-key": Entry("app.cli.vault_commands:new_key", "Print a new key for STOREYARD_VAULT_KEYS.")},
)
