"""Wake of one store."""

from __future__ import annotations

from rq import get_current_job

from app.domain.errors import LeaseLost
from app.services.reconcile_store import Origin, reconcile_store
from jobs.runtime import services


def run(store_id: str) -> None:
    job = get_current_job()
    try:
        reconcile_store(services(), store_id, Origin(job.id, job.worker_name) if job else None)
    except LeaseLost:
        return  # another worker has the store; that was written down and counted where it was found
