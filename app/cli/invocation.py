"""What every command works with: the services of this process, who asks, and in which form answers are printed."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from app.cli.output import note
from app.domain.actors import Actor, ActorKind

if TYPE_CHECKING:
    from app.config import Settings
    from app.domain.engines import Engine
    from app.services.context import Services
    from app.services.views import StoreView, TenantView


class Cli:
    """One call of the program. Services are built when first asked for: help and usage errors need none."""

    def __init__(self, services: Services | None = None, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._services = services
        self._settings: Settings | None = None
        self._tenants: dict[str, str] = {}
        self._wakes_failed_before: int | None = None

    def close(self) -> None:
        """Give back the connections of services that were built here."""
        if self._settings is not None and self._services is not None:
            self._services.sessions.dispose()

    @property
    def settings(self) -> Settings:
        """Raises ConfigError with every problem of the environment."""
        if self._settings is None:
            from app.config import Settings  # noqa: PLC0415 - see app.cli.lazy

            self._settings = Settings.from_env()
        return self._settings

    @property
    def services(self) -> Services:
        if self._services is None:
            settings = self.settings
            from app.bootstrap import build_services, configure_logging  # noqa: PLC0415 - see app.cli.lazy

            # What goes wrong is said by the command itself; log lines between would only hide it.
            configure_logging(replace(settings, log_format="console", log_level="error"))
            self._services = build_services(settings)
        if self._wakes_failed_before is None:
            self._wakes_failed_before = _failed_wakes()
        return self._services

    @property
    def database_url(self) -> str:
        """For what needs a database and nothing else."""
        if self._services is not None:
            return self._services.sessions.engine.url.render_as_string(hide_password=False)
        return self.settings.database_url

    @property
    def known_database_url(self) -> str | None:
        """For an error's message: None where the configuration has not been read, and must not be now."""
        return None if self._services is None and self._settings is None else self.database_url

    @property
    def cluster_name(self) -> str:
        """How the cluster is reached, for people."""
        if self._settings is None:
            return "the cluster"
        if self._settings.kubeconfig is None:
            return "the service account of this pod"
        context = f" (context {self._settings.kube_context})" if self._settings.kube_context else ""
        return f"the kubeconfig {self._settings.kubeconfig}{context}"

    @property
    def actor(self) -> Actor:
        login = login_name()
        return Actor(ActorKind.OPERATOR, login, login)

    def tenant_id(self, slug_or_id: str) -> str:
        return self.find_tenant(slug_or_id).id

    def find_tenant(self, slug_or_id: str) -> TenantView:
        """Raises NotFound."""
        from app.services.queries import find_tenant  # noqa: PLC0415 - see app.cli.lazy

        return find_tenant(self.services, slug_or_id)

    def find_store(self, store: str, tenant: str | None) -> StoreView:
        """The store called so, by id or slug. Raises NotFound and Ambiguous."""
        from app.services.queries import resolve_store  # noqa: PLC0415 - see app.cli.lazy

        return resolve_store(self.services, store, tenant_id=None if tenant is None else self.tenant_id(tenant))

    def tenant_slug(self, tenant_id: str) -> str:
        """For showing; asked for once per call of the program."""
        if tenant_id not in self._tenants:
            from app.services.queries import list_tenants  # noqa: PLC0415 - see app.cli.lazy

            self._tenants = {tenant.id: tenant.slug for tenant in list_tenants(self.services)}
        return self._tenants.get(tenant_id, tenant_id)

    def engine_of(self, store: StoreView) -> Engine:
        return self.services.renderer.engine(store.engine, store.release)

    def note_failed_wakes(self) -> None:
        """Say so where the queue could not be reached: what was asked for is kept, and takes a moment longer."""
        if self._wakes_failed_before is not None and _failed_wakes() > self._wakes_failed_before:
            note("The queue cannot be reached. The request is kept in the database; the scheduler hands it on once the queue is back.")


pass_cli = click.make_pass_decorator(Cli)


def login_name() -> str:
    """The person at the shell: who became root by sudo is still that person."""
    user = os.getuid()
    if user == 0 and (behind := os.environ.get("SUDO_USER", "").strip()):
        return behind
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid-{user}"


def _failed_wakes() -> int:
    """How many this process could not send."""
    from app.services.wakes import failed_wakes  # noqa: PLC0415 - see app.cli.lazy

    return failed_wakes.count
