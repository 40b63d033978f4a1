"""From what a pass saw to conditions: Synced, Ready, Stalled, and the steps of a provisioning. Pure but for the log line it may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.conditions import (
    ADDRESS_READY,
    NAMESPACE_READY,
    READY,
    STALLED,
    SYNCED,
    Condition,
    Status,
    Verdict,
    by_type,
)
from app.domain.drift import Action
from app.domain.engines import Component, Engine
from app.domain.errors import Conflict, StoreyardError, TemplateError, Transient
from app.domain.manifests import LiveObject, ObjectKey
from app.domain.plans import plan_named
from app.domain.stores import REASON_DEADLINE, REASON_PROGRESSING, REASON_SUSPENDED, DesiredState, StoreSnapshot
from app.reconcile import plan as plans
from app.reconcile.explain import LastLine, explain_pods
from app.reconcile.health import MISSING, STOPPING, Health, HealthStatus, check_health
from app.reconcile.plan import Plan

Refusals = Callable[[ObjectKey], Health | None]
"""What the cluster's events say of a workload that has no pod."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that was seen of a store by the end of a pass: objects with the answers to our own applies in place, and pods."""

    objects: Mapping[ObjectKey, LiveObject]
    pods: tuple[LiveObject, ...]

    def pods_of(self, workload: LiveObject) -> list[LiveObject]:
        return [pod for pod in self.pods if _belongs(pod, workload)]


def judge(
    store: StoreSnapshot,
    engine: Engine,
    plan: Plan,
    sight: Sight,
    error: StoreyardError | None,
    *,
    now: datetime,
    last_line: LastLine,
    refusals: Refusals,
) -> tuple[Verdict, ...]:
    """Every condition that this pass can state."""
    components = [(component, _component_health(store, component, sight, last_line, refusals)) for component in engine.components]
    steps = [
        _namespace_verdict(plan, error),
        *(_component_verdict(component, health) for component, health in components),
        _address_verdict(sight),
    ]
    verdicts = [_synced(plan, error), _ready(store, components, steps, now=now), *steps]
    stalled = _stalled(plan, error)
    return (*verdicts, stalled) if stalled is not None else tuple(verdicts)


def _component_health(store: StoreSnapshot, component: Component, sight: Sight, last_line: LastLine, refusals: Refusals) -> Health:
    key = ObjectKey(component.kind, store.namespace, component.name)
    live = sight.objects.get(key)
    health = check_health(live)
    pods = sight.pods_of(live) if live is not None else []
    if store.desired_state is DesiredState.SUSPENDED and health.reason == "Stopped" and pods:
        # A workload counts its pods as gone while they still end, and may still write.
        return STOPPING
    if live is None or health.healthy or store.desired_state is DesiredState.SUSPENDED:
        return health
    found = explain_pods(pods, last_line)
    if found is None and not pods and health.status is HealthStatus.PROGRESSING:
        found = refusals(key)
    return found or health


def _belongs(pod: LiveObject, workload: LiveObject) -> bool:
    controller = pod.controller or {}
    if controller.get("kind") == "ReplicaSet":
        return workload.key.kind == "Deployment" and str(controller.get("name", "")).rpartition("-")[0] == workload.key.name
    return controller.get("uid") == workload.uid


def sentence(component: Component, health: Health) -> str:
    """What to tell the merchant of a component."""
    if health.status is HealthStatus.DEGRADED:
        return f"{component.title}: {health.message}"
    return f"{component.title} {health.message[0].lower()}{health.message[1:]}"


def _component_verdict(component: Component, health: Health) -> Verdict:
    # A stopped component is as wanted, but it does not answer.
    status = Status.TRUE if health.healthy and health.reason != "Stopped" else Status.FALSE
    return Verdict(component.condition, status, health.reason, sentence(component, health))


def _namespace_verdict(plan: Plan, error: StoreyardError | None) -> Verdict:
    waiting = [work for work in plan.works if work.change.action is Action.CREATED and work.change.key.info.wave <= 1]
    if error is not None and waiting:
        return Verdict(NAMESPACE_READY, Status.FALSE, "Preparing", "The store's namespace is being prepared.")
    return Verdict(NAMESPACE_READY, Status.TRUE, "Prepared", "The store's namespace, limits, credentials and volumes are in place.")


def _address_verdict(sight: Sight) -> Verdict:
    ingresses = [live for key, live in sight.objects.items() if key.kind == "Ingress" and not live.terminating]
    if not ingresses:
        return Verdict(ADDRESS_READY, Status.FALSE, "Missing", "The store's address is not set up yet.")
    return Verdict(ADDRESS_READY, Status.TRUE, "Routed", "The store's address leads to it.")


def _ready(store: StoreSnapshot, components: Sequence[tuple[Component, Health]], steps: Iterable[Verdict], *, now: datetime) -> Verdict:
    failing = [step for step in steps if step.status is not Status.TRUE]
    if store.desired_state is DesiredState.SUSPENDED:
        running = [(component, health) for component, health in components if health.reason != "Stopped" and health is not MISSING]
        if not running:
            return Verdict(READY, Status.FALSE, REASON_SUSPENDED, "The store is suspended. Its data is kept.")
        return Verdict(READY, Status.FALSE, REASON_PROGRESSING, sentence(*running[0]))
    if not failing:
        return Verdict(READY, Status.TRUE, "Serving", "The store is open.")
    degraded = [(component, health) for component, health in components if health.status is HealthStatus.DEGRADED]
    cause = sentence(*degraded[0]) if degraded else failing[0].message
    if not _rolling_out(store):
        return Verdict(READY, Status.FALSE, degraded[0][1].reason if degraded else "NotServing", cause)
    waited = (now - store.provisioning_since).total_seconds()
    deadline = plan_named(store.plan).deadline
    if waited > deadline:
        return Verdict(
            READY,
            Status.FALSE,
            REASON_DEADLINE,
            f"Not ready after {int(waited // 60)} minutes (at most {deadline // 60} are allowed). {cause}",
        )
    return Verdict(READY, Status.FALSE, REASON_PROGRESSING, cause)


def _rolling_out(store: StoreSnapshot) -> bool:
    """Whether the store is on its way to the present intent, rather than disturbed after having been there."""
    ready = by_type(store.conditions).get(READY)
    return (
        not store.ever_ready
        or ready is None
        or ready.observed_generation != store.generation
        or ready.reason in (REASON_PROGRESSING, REASON_DEADLINE)
    )


def _synced(plan: Plan, error: StoreyardError | None) -> Verdict:
    if error is not None:
        return synced_after(error)
    if plan.stalled is not None:
        return Verdict(SYNCED, Status.FALSE, *plan.stalled)
    for reason, message in (
        (plans.REASON_TERMINATING, "{} is being removed by somebody; it is made anew once it is gone."),
        (plans.REASON_OBSERVE, "{} differs from what was asked for. It is left as it is: drift is only observed."),
        (plans.REASON_CONTESTED, "{} is changed again and again by somebody else. It is still put right, but less and less often."),
        (plans.REASON_HOLDS_DATA, "{} is no longer wanted but holds data, so it is kept."),
        (plans.REASON_FOREIGN, "{} is not Storeyard's and should not be in the store's namespace."),
    ):
        names = [str(work.change.key) for work in plan.works if work.change.action is Action.SKIPPED and work.change.reason == reason]
        if names:
            return Verdict(SYNCED, Status.FALSE, reason, message.format(", ".join(names)))
    return Verdict(SYNCED, Status.TRUE, plans.REASON_SAME, "Everything is as asked for.")


def synced_after(error: StoreyardError) -> Verdict:
    """What is known of a store when a pass ended with an error."""
    if isinstance(error, Transient):
        return Verdict(
            SYNCED, Status.UNKNOWN, "ClusterUnavailable", f"The cluster does not answer as it should; it is asked again. {error.message}"
        )
    if isinstance(error, Conflict):
        return Verdict(SYNCED, Status.FALSE, "Conflict", "An object changed while it was being updated; it is looked at again.")
    return Verdict(SYNCED, Status.FALSE, _refusal(error), error.message)


def _stalled(plan: Plan, error: StoreyardError | None) -> Verdict | None:
    if plan.stalled is not None:
        return Verdict(STALLED, Status.TRUE, *plan.stalled)
    if error is None or isinstance(error, Transient | Conflict):
        return None
    return stalled_by(error)


def stalled_by(error: StoreyardError) -> Verdict:
    """A refusal that asking again will not change."""
    return Verdict(STALLED, Status.TRUE, _refusal(error), error.message)


def _refusal(error: StoreyardError) -> str:
    return "TemplateInvalid" if isinstance(error, TemplateError) else "Rejected"


def is_ready(conditions: Iterable[Condition]) -> bool:
    ready = by_type(conditions).get(READY)
    return ready is not None and ready.status is Status.TRUE
