"""What a user of the unmodified PyPI package armada-client does, against a running Fairlead.

    python python_user.py HOST:PORT PART

Each part is a story; the first thing that is not as it should be ends it with a traceback. The last line
of a part that went well is "ok PART".
"""

import sys
import time
import uuid

import grpc
from armada_client.armada import submit_pb2
from armada_client.client import ArmadaClient
from armada_client.event import Event
from armada_client.k8s.io.api.core.v1 import generated_pb2 as core_v1
from armada_client.k8s.io.apimachinery.pkg.api.resource import generated_pb2 as resource
from armada_client.typings import EventType, JobState

WITHIN = 60.0  # seconds for anything to happen

ORDER = [EventType.submitted, EventType.queued, EventType.leased, EventType.pending, EventType.running]


def pod(command, cpu="100m", priority_class=""):
    amounts = {"cpu": resource.Quantity(string=cpu), "memory": resource.Quantity(string="64Mi")}
    return core_v1.PodSpec(
        priorityClassName=priority_class,
        containers=[
            core_v1.Container(
                name="main",
                image="alpine:3.20.0",
                command=["sh", "-c"],
                args=[command],
                resources=core_v1.ResourceRequirements(requests=amounts, limits=amounts),
            )
        ],
    )


class Story:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.client = ArmadaClient(self.channel)
        self.queue = "py-" + uuid.uuid4().hex[:12]
        self.client.create_queue(self.client.create_queue_request(name=self.queue, priority_factor=1.0))

    def submit(self, job_set, *specs, **fields):
        items = [self.client.create_job_request_item(pod_spec=s, namespace="default", **fields) for s in specs]
        answer = self.client.submit_jobs(queue=self.queue, job_set_id=job_set, job_request_items=items)
        ids = [item.job_id for item in answer.job_response_items]
        assert len(ids) == len(specs) and all(len(i) == 26 for i in ids), ids
        return ids

    def events(self, job_set, until, start=None):
        """The events of a job set, up to the first for which until is true."""
        stream = self.client.get_job_events_stream(queue=self.queue, job_set_id=job_set, from_message_id=start)
        seen = []
        deadline = time.monotonic() + WITHIN
        try:
            for message in stream:
                seen.append(self.client.unmarshal_event_response(message))
                if until(seen):
                    return seen
                assert time.monotonic() < deadline, [e.type for e in seen]
        finally:
            self.client.unwatch_events(stream)
        raise AssertionError(f"the stream ended after {[e.type for e in seen]}")


def kinds(events, job):
    return [e.type for e in events if e.message.job_id == job]


def ended(count, kind):
    return lambda seen: sum(e.type == kind for e in seen) == count


def life(story):
    """Two jobs live to their end; a stream that is resumed at any event goes on behind it."""
    ids = story.submit("life", pod("sleep 1"), pod("echo hello"))
    seen = story.events("life", ended(2, EventType.succeeded))
    for job in ids:
        assert kinds(seen, job) == ORDER + [EventType.succeeded], kinds(seen, job)
    assert len({e.id for e in seen}) == len(seen), "an event came twice"
    for i in range(len(seen) - 1):
        rest = story.events("life", lambda s: s[-1].id == seen[-1].id, start=seen[i].id)
        assert [e.id for e in rest] == [e.id for e in seen[i + 1 :]], f"resumed behind event {i}"
    submitted = next(e for e in seen if e.type == EventType.submitted).message.job
    assert submitted.queue == story.queue and submitted.pod_spec.containers[0].name == "main", submitted


def failure(story):
    """A job that fails says how."""
    (job,) = story.submit("failure", pod("exit 3"))
    seen = story.events("failure", ended(1, EventType.failed))
    failed = seen[-1].message
    assert kinds(seen, job) == ORDER + [EventType.failed], kinds(seen, job)
    assert failed.container_statuses[0].exitCode == 3 and not failed.retryable, failed


def cancel(story):
    """A running job is cancelled by its id, two others with their job set."""
    (running,) = story.submit("cancel", pod("sleep 600"))
    story.events("cancel", ended(1, EventType.running))
    answer = story.client.cancel_jobs(queue=story.queue, job_set_id="cancel", job_id=running)
    assert list(answer.cancelled_ids) == [running], answer
    seen = story.events("cancel", ended(1, EventType.cancelled))
    assert kinds(seen, running)[-2:] == [EventType.cancelling, EventType.cancelled], kinds(seen, running)

    story.submit("cancel-set", pod("sleep 600"), pod("sleep 600"))
    story.client.cancel_jobset(queue=story.queue, job_set_id="cancel-set", filter_states=[])
    story.events("cancel-set", ended(2, EventType.cancelled))


def reprioritize(story):
    (job,) = story.submit("reprioritize", pod("sleep 600"))
    answer = story.client.reprioritize_jobs(
        new_priority=7.0, job_ids=[job], job_set_id="reprioritize", queue=story.queue
    )
    assert dict(answer.reprioritization_results) == {job: ""}, answer
    seen = story.events("reprioritize", ended(1, EventType.reprioritized))
    assert seen[-1].message.new_priority == 7.0, seen[-1].message
    story.client.cancel_jobs(queue=story.queue, job_set_id="reprioritize", job_id=job)


def preempt(story):
    (job,) = story.submit("preempt", pod("sleep 600", priority_class="armada-preemptible"))
    story.events("preempt", ended(1, EventType.running))
    story.client.preempt_jobs(queue=story.queue, job_set_id="preempt", job_id=job)
    seen = story.events("preempt", ended(1, EventType.failed))
    assert kinds(seen, job)[-3:] == [EventType.preempting, EventType.preempted, EventType.failed], kinds(seen, job)


def query(story):
    """Status, details, errors and runs. A job is found at once; its state may be a moment behind the events."""
    good, bad = story.submit("query", pod("sleep 1"), pod("exit 5"))
    found = story.client.get_job_status([good, bad]).job_states
    assert JobState.UNKNOWN.value not in found.values(), found
    story.events("query", lambda s: ended(1, EventType.succeeded)(s) and ended(1, EventType.failed)(s))
    wanted = {good: JobState.SUCCEEDED.value, bad: JobState.FAILED.value}
    deadline = time.monotonic() + WITHIN
    while (status := dict(story.client.get_job_status([good, bad]).job_states)) != wanted:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    details = story.client.get_job_details([good]).job_details[good]
    assert details.queue == story.queue and details.jobset == "query" and len(details.job_runs) == 1, details
    run = details.job_runs[0].run_id
    assert run == details.latest_run_id, details
    assert story.client.get_job_run_details([run]).job_run_details[run].job_id == good
    assert "exit code 5" in story.client.get_job_errors([bad]).job_errors[bad]


def queues(story):
    client = story.client
    client.update_queue(client.create_queue_request(name=story.queue, priority_factor=2.0))
    assert client.get_queue(story.queue).priority_factor == 2.0
    assert story.queue in [q.name for q in client.get_queues()]
    client.delete_queue(story.queue)
    try:
        client.get_queue(story.queue)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    else:
        raise AssertionError("a deleted queue is still there")


def refusals(story):
    """What is wrong is refused with the code that clients look for."""
    try:
        items = [story.client.create_job_request_item(pod_spec=pod("true"), namespace="default")]
        story.client.submit_jobs(queue="py-no-such-queue", job_set_id="s", job_request_items=items)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error
        assert "could not find queue" in error.details(), error
    else:
        raise AssertionError("a job was taken for a queue that is not there")
    try:
        story.client.submit_jobs(queue=story.queue, job_set_id="s", job_request_items=[submit_pb2.JobSubmitRequestItem()])
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    else:
        raise AssertionError("a job without a pod spec was taken")


PARTS = {f.__name__: f for f in (life, failure, cancel, reprioritize, preempt, query, queues, refusals)}

if __name__ == "__main__":
    PARTS[sys.argv[2]](Story(sys.argv[1]))
    print("ok", sys.argv[2])
