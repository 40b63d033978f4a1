"""All tenants' stores: the list behind the overview's figures, and one store as an operator reads it. Intents are the tenant's to state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import InvalidIntent
from app.domain.plans import PLANS, plan_named
from app.domain.stores import DriftMode, Phase
from app.services.fleet_stores import DRIFTS, State, Wanted, list_drift, list_fleet, tenant_of_store
from app.services.pause_reconciling import pause_reconciling, unpause_reconciling
from app.services.request_reconcile import request_reconcile
from app.services.set_drift_mode import set_drift_mode
from app.services.store_page import store_history
from app.web.admin import blueprint
from app.web.current import current
from app.web.forms import Form
from app.web.htmx import page, redirect_to
from app.web.portal import words
from app.web.tenancy import operators

_STATES = {
    State.ANY: "All",
    State.FAILING: "Failing",
    State.QUARANTINED: "Quarantined",
    State.DUE: "Due",
    State.UNDER_WAY: "Pass under way",
    State.DRIFT: "Open drift",
    State.PAUSED: "Paused",
    State.WATCHED: "Drift not repaired",
}
PAUSES = (("15", "15 minutes"), ("60", "1 hour"), ("240", "4 hours"), ("1440", "1 day"), ("10080", "7 days"))
MODES = ((DriftMode.REPAIR, "Repair"), (DriftMode.OBSERVE, "Observe only"), (DriftMode.OFF, "Do not look"))


@blueprint.get("/stores")
@operators
def stores() -> ResponseReturnValue:
    wanted = _wanted()
    number = request.args.get("page", 1, type=int) or 1
    found = list_fleet(current.services, wanted, page=number)
    return page(
        "admin/stores.html",
        block="rows",
        found=found,
        wanted=wanted,
        states=[(_address(replace(wanted, state=state)), text, state is wanted.state) for state, text in _STATES.items()],
        phases=[phase.value for phase in Phase],
        plans=PLANS,
        links={
            "previous": _address(wanted, found.page - 1) if found.page > 1 else None,
            "next": _address(wanted, found.page + 1) if found.page < found.pages else None,
            "without_reason": _address(replace(wanted, reason="")),
            "without_tenant": _address(replace(wanted, tenant="")),
        },
        now=current.now,
    )


def _wanted() -> Wanted:
    given = {name: request.args.get(name, "").replace("\x00", "").strip() for name in ("q", "state", "phase", "reason", "tenant", "plan")}
    state = State(given["state"]) if given["state"] in list(State) else State.ANY
    phase = Phase(given["phase"]) if given["phase"] in list(Phase) else None
    return Wanted(given["q"], state, phase, given["reason"], given["tenant"], given["plan"])


def _address(wanted: Wanted, number: int = 1) -> str:
    given: dict[str, Any] = {
        "q": wanted.search,
        "state": "" if wanted.state is State.ANY else wanted.state.value,
        "phase": wanted.phase.value if wanted.phase else "",
        "reason": wanted.reason,
        "tenant": wanted.tenant,
        "plan": wanted.plan,
        "page": number if number > 1 else "",
    }
    return url_for("admin.stores", **{name: value for name, value in given.items() if value})


@blueprint.get("/stores/<ulid:store_id>")
@operators
def store(store_id: str) -> ResponseReturnValue:
    return _show(store_id)


@blueprint.post("/stores/<ulid:store_id>/reconcile")
@operators
def reconcile(store_id: str) -> ResponseReturnValue:
    """Also lifts a quarantine."""
    owner = tenant_of_store(current.services, store_id)
    request_reconcile(current.services, current.actor, tenant_id=owner.id, store_id=store_id)
    current.flash("success", "The store is being looked at now.")
    return redirect_to("admin.store", store_id=store_id)


@blueprint.post("/stores/<ulid:store_id>/pause")
@operators
def pause(store_id: str) -> ResponseReturnValue:
    form = Form.read("minutes", "reason")
    if form["minutes"] not in dict(PAUSES):
        form.errors["minutes"] = "Choose for how long."
        return _show(store_id, form, status=422)
    owner = tenant_of_store(current.services, store_id)
    until = current.now + timedelta(minutes=int(form["minutes"]))
    try:
        pause_reconciling(current.services, current.actor, tenant_id=owner.id, store_id=store_id, until=until, reason=form["reason"])
    except InvalidIntent as error:
        form.refuse(error)
        return _show(store_id, form, status=422)
    current.flash("success", "The reconciler leaves this store alone until then.")
    return redirect_to("admin.store", store_id=store_id)


@blueprint.post("/stores/<ulid:store_id>/unpause")
@operators
def unpause(store_id: str) -> ResponseReturnValue:
    owner = tenant_of_store(current.services, store_id)
    unpause_reconciling(current.services, current.actor, tenant_id=owner.id, store_id=store_id)
    current.flash("success", "The reconciler looks after this store again.")
    return redirect_to("admin.store", store_id=store_id)


@blueprint.post("/stores/<ulid:store_id>/mode")
@operators
def mode(store_id: str) -> ResponseReturnValue:
    text = request.form.get("mode", "")
    if text not in list(DriftMode):
        raise InvalidIntent("Choose what is done about drift: repair, observe or off.", field="mode", rule="known")
    owner = tenant_of_store(current.services, store_id)
    set_drift_mode(current.services, current.actor, tenant_id=owner.id, store_id=store_id, mode=DriftMode(text))
    current.flash("success", "What is done about drift is changed.")
    return redirect_to("admin.store", store_id=store_id)


def _show(store_id: str, form: Form | None = None, *, status: int = 200) -> ResponseReturnValue:
    owner = tenant_of_store(current.services, store_id)
    history = store_history(current.services, tenant_id=owner.id, store_id=store_id)
    about = history.page
    row = about.store
    return page(
        "admin/store.html",
        status=status,
        block="live" if status == 200 else None,
        history=history,
        about=about,
        store=row,
        owner=owner,
        pill=words.pill(row),
        pause=words.pause_of(row, about.platform, now=current.now),
        paused=row.paused_until is not None and row.paused_until > current.now,
        plan=plan_named(row.plan),
        form=form or Form.of(minutes="60", reason=""),
        pauses=PAUSES,
        modes=MODES,
        words=words,
    )


@blueprint.get("/drift")
@operators
def drift() -> ResponseReturnValue:
    """All tenants' drift, the newest first."""
    kind = request.args.get("kind", "").replace("\x00", "").strip()
    only_open, contested = request.args.get("open") == "1", request.args.get("contested") == "1"
    before = request.args.get("before", type=int)
    usable = before if before is not None and 0 < before < 2**63 else None
    found = list_drift(current.services, kind=kind, only_open=only_open, contested=contested, before=usable)
    given: dict[str, Any] = {"kind": kind or None, "open": 1 if only_open else None, "contested": 1 if contested else None}

    def address(**changed: Any) -> str:
        return url_for("admin.drift", **{name: value for name, value in {**given, **changed}.items() if value is not None})

    return page(
        "admin/drift.html",
        found=found,
        kind=kind,
        filters=[
            (address(open=None, contested=None), "All", not only_open and not contested),
            (address(open=1, contested=None), "Not repaired", only_open and not contested),
            (address(open=None, contested=1), "Contested fields", contested),
        ],
        all_kinds=address(kind=None),
        older=address(before=found[-1].drift.id) if len(found) == DRIFTS else None,
        newest=address() if usable else None,
        words=words,
    )
