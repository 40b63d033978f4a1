"""The root command: its table of commands, and the one place where errors become a line of text and an exit code."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from app.cli.failures import failure_of
from app.cli.invocation import Cli
from app.cli.lazy import Entry, LazyGroup
from app.cli.output import print_failure
from app.version import VERSION

if TYPE_CHECKING:
    from app.services.context import Services

HELP = """Storeyard: a row in the database becomes a running shop on Kubernetes, and stays as asked for.

STORE is a store's id, or its slug; --tenant says whose where several tenants have one of that slug.
Every command that prints data takes --json: one JSON document on standard output, an object "error" where it fails.

\b
Examples:
  storeyard tenant create acme
  storeyard store create bakery --tenant acme --wait
  storeyard store credentials bakery
  storeyard reconcile --all --dry-run

\b
Exit codes:
  0  done
  1  error: a line on standard error says what to do
  2  wrong usage, or wrong configuration (every wrong variable is listed)
  3  a dry run found drift, or changes not made yet
  4  not ready in time

Configuration is read from environment variables that begin with STOREYARD_; `storeyard doctor` checks it.
"""

ENTRIES = {
    "tenant": Entry("app.cli.tenants:tenant", "Owners of stores."),
    "user": Entry("app.cli.users:user", "People: accounts, passwords, roles."),
    "store": Entry("app.cli.stores:store", "Stores: create, look at, change, delete."),
    "reconcile": Entry("app.cli.reconciling:reconcile", "Compare stores with the cluster, and have them put right."),
    "quota": Entry("app.cli.quotas:quota", "What tenants, and the platform as a whole, may hold."),
    "platform": Entry("app.cli.platforms:platform", "Switches that hold for all stores."),
    "orphans": Entry("app.cli.checks:orphans", "Namespaces without a store, and stores without their namespace."),
    "doctor": Entry("app.cli.checks:doctor", "Check everything that Storeyard needs, and say how to mend it."),
    "top": Entry("app.cli.top:top", "Watch it work: queues, workers, stores, and what needs a look."),
    "worker": Entry("app.cli.processes:worker", "Run a worker: it does what the queue says, one store at a time."),
    "scheduler": Entry("app.cli.processes:scheduler", "Run the scheduler: it wakes whatever is due."),
    "watcher": Entry("app.cli.processes:watcher", "Run the watcher: it follows the cluster and wakes stores whose objects were changed."),
    "db": Entry("app.cli.database:db", "The database's schema."),
    "vault": Entry("app.cli.vaults:vault", "The keys that credentials are sealed with."),
}


class Root(LazyGroup):
    """`services` are given where a web app or a test has them already; else they are built when a command needs them."""

    def __init__(self, *args: Any, services: Services | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._services = services

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        # Looked for by hand as well: a wrong option ends the parsing before --json has been read.
        cli = Cli(services=self._services, as_json="--json" in args)
        with reporting(cli):
            context = super().make_context(info_name, args, parent, **extra)
        context.obj = cli
        context.call_on_close(cli.close)
        return context

    def invoke(self, ctx: click.Context) -> Any:
        with reporting(ctx.obj):
            return super().invoke(ctx)


@contextmanager
def reporting(cli: Cli) -> Generator[None]:
    """Known errors end the command with their code and one line; everything else is a bug and keeps its traceback."""
    try:
        yield
    except (click.exceptions.NoArgsIsHelpError, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        failure = failure_of(error, database_url=cli.known_database_url)
        if failure is None:
            raise
        print_failure(failure, as_json=cli.as_json)
        raise click.exceptions.Exit(failure.exit_code) from error


def build_root(services: Services | None = None) -> Root:
    root = Root(name="storeyard", help=HELP, short_help="Stores, tenants, quotas and what keeps them.", entries=ENTRIES, services=services)
    return click.version_option(VERSION, message="storeyard %(version)s")(root)
