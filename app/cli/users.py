"""`storeyard user`."""

from __future__ import annotations

from app.cli.lazy import Entry, LazyGroup

user = LazyGroup(
    name="user",
    help="""People: accounts, passwords, roles.

A user is named by e-mail address or id.

\b
Examples:
  storeyard user create mia@example.com --tenant acme --role owner
  storeyard user list --tenant acme
  storeyard user role mia@example.com --tenant acme --role viewer
""",
    entries={
        "create": Entry("app.cli.user_commands:create", "Create an account."),
        "list": Entry("app.cli.user_commands:list_", "List accounts."),
        "set-password": Entry("app.cli.user_commands:set_password_", "Set a new password."),
        "role": Entry("app.cli.user_commands:role_", "Give, change or take away a role in a tenant."),
    },
)
