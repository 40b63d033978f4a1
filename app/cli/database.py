"""`storeyard db`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

db = LazyGroup(
    name="db",
    help="""The database's schema.

\b
Examples:
  storeyard db upgrade
  storeyard db current
""",
    entries={
        "upgrade": Entry("app.cli.database_commands:upgrade", "Bring the schema up to this program."),
        "current": Entry("app.cli.database_commands:current", "Show which schema the database has."),
    },
)
