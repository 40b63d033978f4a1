"""What workers run. Only the paths in `ALLOWED` are ever executed, with arguments that parse as ids: the queue is not trusted."""

ALLOWED = frozenset({"jobs.reconcile.run", "jobs.sweep.run", "jobs.retention.run"})
