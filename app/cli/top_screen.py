"""The screen of `storeyard top` as lines of text: a pure function of what was seen and of the terminal's size.

What needs a look stands first, then who works, then stores in trouble, then what is slow. Lists share the rows that are left; one that
is cut says how many more there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.cli.output import ago, clean, span, width
from app.services.fleet import Fleet, Worker
from app.services.fleet_queries import SlowPass, StoreName, Trouble

GAP = "  "
ATTENTION = 4

Row = Sequence[object]


def screen(fleet: Fleet, *, recent: timedelta, columns: int, rows: int | None) -> list[str]:
    """Lines no wider than `columns` and, where `rows` is given, no more than that. `recent`: how far back the slow passes go."""
    now, figures = fleet.watched.at, fleet.watched.figures
    head = [*_attention(fleet, columns, rows), *_head(fleet, columns)]
    workers = _workers(fleet)
    lists = [
        (("WORKER", "STATE", "HEARD", "DOES"), workers, len(workers)),
        (("QUARANTINED", "SINCE", "ERROR"), [_quarantined(t, now) for t in fleet.watched.quarantined], figures.quarantined),
        (("FAILING", "PHASE", "TIMES", "NEXT TRY", "REASON"), [_failing(t, now) for t in fleet.watched.troubles], fleet.watched.failing),
        (
            (f"SLOWEST PASSES, {span(recent.total_seconds())}", "TOOK", "MOSTLY", "OUTCOME", "WHEN"),
            [_slow(p, now) for p in fleet.watched.slow],
            len(fleet.watched.slow),
        ),
    ]
    shown = [entry for entry in lists if entry[1]]
    shares = _shares([len(entry[1]) for entry in shown], None if rows is None else rows - len(head))
    lines = head
    for (headers, cells, total), share in zip(shown, shares, strict=True):
        lines += _section(headers, cells, total, share, columns)
    return lines if rows is None else lines[:rows]


def _head(fleet: Fleet, columns: int) -> list[str]:
    now, figures = fleet.watched.at, fleet.watched.figures
    total = sum(count for phase, count in figures.stores.items() if phase != "Deleted")
    phases = ", ".join(f"{count} {phase}" for phase, count in figures.stores.items() if count and phase != "Deleted")
    due = f"{figures.due} due{f' (oldest {span(figures.due_age)})' if figures.due else ''}"
    queues = ", ".join(f"{name} {jobs}{f' (oldest {span(age)})' if jobs else ''}" for name, jobs, age in fleet.queues or ())
    offices = ", ".join(f"{office.name} {_leader(office.holder, office.until, now, active=office.active)}" for office in fleet.leaders)
    return [
        _cut(line, columns)
        for line in (
            f"Stores   {total}{f': {phases}' if phases else ''}",
            f"Work     {due}, {len(fleet.watched.under_way)} under way, {figures.open_drift} differences open, drift is {_mode(fleet)}",
            f"Queues   {queues or 'out of reach'}",
            f"Leaders  {offices or 'none'}",
        )
    ]


def _mode(fleet: Fleet) -> str:
    return {"repair": "repaired", "observe": "only observed", "off": "not looked for"}[fleet.platform.drift_mode.value]


def _leader(holder: str, until: datetime, now: datetime, *, active: bool) -> str:
    return f"{holder} (for {span(max(0.0, (until - now).total_seconds()))})" if active else f"vacant since {until.strftime('%H:%M:%S')}"


def _attention(fleet: Fleet, columns: int, rows: int | None) -> list[str]:
    title = f"storeyard  {fleet.watched.at.strftime('%H:%M:%S')} UTC"
    if not fleet.attention:
        return [_cut(f"{title}  All well.", columns)]
    most = len(fleet.attention) if rows is None else ATTENTION
    said = [_cut(f"!! {sentence}", columns) for sentence in fleet.attention[:most]]
    more = len(fleet.attention) - most
    return [title, *said, *([f"   and {more} more"] if more > 0 else [])]


def _workers(fleet: Fleet) -> list[Row]:
    """By the queue's word; where it cannot be had, those that the leases name."""
    if fleet.workers is None:
        return [(entry.holder or "(no name)", "busy", "-", _name(entry.store)) for entry in fleet.watched.under_way]
    return [_worker(worker, fleet.watched.at) for worker in fleet.workers]


def _worker(worker: Worker, now: datetime) -> Row:
    state = "SILENT" if worker.silent else worker.state
    heard = ago(worker.heard_at, now)
    if worker.task is None:
        return worker.name, state, heard, "-"
    what = _name(worker.store) if worker.store is not None else worker.task
    since = "" if worker.since is None else f" for {span(max(0.0, (now - worker.since).total_seconds()))}"
    return worker.name, state, heard, f"{what}{since}"


def _quarantined(trouble: Trouble, now: datetime) -> Row:
    return _name(trouble.store), ago(trouble.quarantined_at, now), f"{trouble.reason}: {trouble.message}"


def _failing(trouble: Trouble, now: datetime) -> Row:
    soon = trouble.next_at is None or trouble.next_at <= now
    return (
        _name(trouble.store),
        trouble.phase.value,
        trouble.failure_count or "-",
        "now" if soon else ago(trouble.next_at, now),
        f"{trouble.reason}: {trouble.message}" if trouble.reason else "-",
    )


def _slow(slow: SlowPass, now: datetime) -> Row:
    mostly = "-" if slow.step is None else f"{slow.step} {_took(slow.step_ms)}"
    return _name(slow.store), _took(slow.duration_ms), mostly, slow.outcome, ago(slow.started_at, now)


def _took(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def _name(store: StoreName) -> str:
    return f"{store.tenant}/{store.slug}"


def _shares(wanted: list[int], room: int | None) -> list[int]:
    """Rows for each list, in turn one for each that wants more. A list takes two more: an empty line and its headers."""
    if room is None:
        return wanted
    shares = [0] * len(wanted)
    left = room - 2 * len(wanted)
    while left > 0 and shares != wanted:
        for place, want in enumerate(wanted):
            if shares[place] < want and left > 0:
                shares[place] += 1
                left -= 1
    return shares


def _section(headers: Sequence[str], cells: list[Row], total: int, share: int, columns: int) -> list[str]:
    if share <= 0:
        return []
    # The line that says how many more there are takes the place of one of them.
    shown = cells if share >= total else cells[: max(1, share - 1)]
    lines = ["", *_table(headers, shown, columns)]
    hidden = total - len(shown)
    return [*lines, f"and {hidden} more"] if hidden and share > 1 else lines


def _table(headers: Sequence[str], rows: list[Row], columns: int) -> list[str]:
    """Aligned; the last column gets what is left of the line, and long names are cut before it has nothing."""
    cells = [list(headers), *([clean(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    others = sum(widths[1:-1]) + len(GAP) * (len(widths) - 1)
    least = min(widths[-1], max(len(headers[-1]), columns // 4))
    widths[0] = max(len(headers[0]), min(widths[0], columns - others - least))
    lines: list[str] = []
    for line in cells:
        padded = [_pad(_cut(cell, size), size) for cell, size in zip(line[:-1], widths, strict=False)]
        lines.append(_cut(GAP.join([*padded, line[-1]]).rstrip(), columns))
    return lines


def _pad(text: str, size: int) -> str:
    return text + " " * (size - width(text))


def _cut(text: str, room: int) -> str:
    text = clean(text)
    if width(text) <= room:
        return text
    while text and width(text) > room - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"
