"""Jobs: how often, how many at once, and when it is enough."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.localcluster.workshop import Workshop

Body = dict[str, Any]


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def job(**spec: Any) -> Body:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.test/job:1"}]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template, **spec}}


def status(shop: Workshop) -> Body:
    return shop.get("Job", "job")["status"]


def finish(shop: Workshop, phase: str, name: str = "job-") -> None:
    """All pods at work, or one, end now."""
    shop.ended = {name: phase}
    shop.settle()
    shop.ended = {}


def test_it_is_complete_after_as_many_successes_as_asked_for(shop: Workshop) -> None:
    shop.apply(job(completions=3, parallelism=2))
    assert status(shop)["active"] == 2
    finish(shop, "Succeeded", shop.pods()[0])
    assert (status(shop)["succeeded"], status(shop)["active"]) == (1, 2)
    finish(shop, "Succeeded")
    assert shop.condition("Job", "job", "Complete") == ("True", "CompletionsReached", "Reached expected number of succeeded pods")
    assert status(shop)["succeeded"] == 3
    assert "active" not in status(shop)
    assert status(shop)["completionTime"]
    assert shop.told("Completed") == ["Job completed"]


def test_after_a_failure_it_waits_longer_each_time(shop: Workshop) -> None:
    shop.apply(job())
    for pause in (10, 20, 40):
        finish(shop, "Failed")
        shop.settle(pause - 1)
        assert "active" not in status(shop), "it is not yet time"
        shop.settle(2)
        assert status(shop)["active"] == 1
    assert status(shop)["failed"] == 3


def test_too_many_failures_end_it(shop: Workshop) -> None:
    shop.apply(job(backoffLimit=1))
    finish(shop, "Failed")
    shop.settle(11)
    finish(shop, "Failed")
    failed = ("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert shop.condition("Job", "job", "Failed") == failed
    assert status(shop)["failed"] == 2
    shop.settle(3600)
    assert len(shop.pods()) == 2, "no further one is made"


def test_its_deadline_ends_it_and_its_pods(shop: Workshop) -> None:
    shop.apply(job(activeDeadlineSeconds=60))
    shop.settle(61)
    assert shop.condition("Job", "job", "Failed") == ("True", "DeadlineExceeded", "Job was active longer than specified deadline")
    assert shop.pods() == []


def test_it_goes_some_time_after_it_has_finished(shop: Workshop) -> None:
    shop.apply(job(ttlSecondsAfterFinished=100))
    finish(shop, "Succeeded")
    shop.settle(99)
    assert len(shop.all("Job")) == 1
    shop.settle(2)
    assert (shop.all("Job"), shop.pods()) == ([], [])


def test_a_suspended_one_stops_and_goes_on(shop: Workshop) -> None:
    shop.apply(job())
    shop.edit("Job", "job", {"spec": {"suspend": True}})
    assert shop.pods() == []
    assert shop.condition("Job", "job", "Suspended") == ("True", "JobSuspended", "Job suspended")
    shop.edit("Job", "job", {"spec": {"suspend": False}})
    assert len(shop.pods()) == 1
    assert shop.condition("Job", "job", "Suspended") == ("False", "JobResumed", "Job resumed")


def test_a_success_is_remembered_when_its_pod_goes(shop: Workshop) -> None:
    shop.apply(job(completions=2))
    first = shop.pods()[0]
    finish(shop, "Succeeded", first)
    shop.delete("Pod", first)
    assert status(shop)["succeeded"] == 1
    finish(shop, "Succeeded")
    assert shop.condition("Job", "job", "Complete") is not None
