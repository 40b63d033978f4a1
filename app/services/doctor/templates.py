"""The templates: every engine on offer, rendered for a store that is nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.errors import StoreyardError
from app.domain.naming import format_id
from app.domain.plans import PLANS
from app.domain.stores import DesiredState, DriftMode, StoreSnapshot
from app.services.context import Services
from app.services.credentials import make_credentials
from app.services.doctor.checks import Check, Outcome

_PROBE = format_id(0, bytes(10))


def check_templates(services: Services) -> Iterator[Check]:
    """Every engine on offer rendered once per plan."""
    try:
        engines = services.renderer.engines()
        for engine in engines:
            names = {"id": _PROBE, "tenant_id": _PROBE, "slug": "probe", "name": "Probe", "host": "probe.localhost", "namespace": "probe"}
            secrets = make_credentials(engine.secrets, names)
            for plan in PLANS:
                services.renderer.render(_probe(services, engine.name, engine.release, plan, secrets))
    except StoreyardError as error:
        yield Check(
            "templates", Outcome.FAILED, error.message, "Correct the template, or the setting that it names; then restart the workers."
        )
        return
    if not engines:
        yield Check("templates", Outcome.FAILED, "No engine is installed.", "Install Storeyard with its folder k8s_templates.")
        return
    yield Check("templates", Outcome.OK, ", ".join(f"{engine.name} {engine.release}" for engine in engines))


def _probe(services: Services, engine: str, release: str, plan: str, secrets: dict[str, str]) -> StoreSnapshot:
    """A store that is nowhere."""
    return StoreSnapshot(
        id=_PROBE,
        tenant_id=_PROBE,
        cluster_id=_PROBE,
        slug="probe",
        name="Probe",
        host=f"probe.{services.profile.store_domain}",
        namespace="probe",
        namespace_uid=None,
        claim="probe",
        engine=engine,
        release=release,
        plan=plan,
        desired_state=DesiredState.PRESENT,
        generation=1,
        observed_generation=0,
        drift_mode=DriftMode.REPAIR,
        ever_ready=False,
        provisioning_since=services.clock.now(),
        secrets=secrets,
    )
