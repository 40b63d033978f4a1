"""Wake of one store."""

from __future__ import annotations

from rq import get_current_job

from app.services.reconcile_store import Origin, reconcile_store
from jobs.runtime import services


def run(store_id: str) -> None:
    job = get_current_job()
    reconcile_store(services(), store_id, Origin(job.id, job.worker_name) if job else None)
