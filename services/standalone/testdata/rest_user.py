"""Uses a Fairlead over REST through the client that was generated from its OpenAPI document.

    rest_user.py http://HOST:PORT

Everything is said in the client's own classes: what the document has wrong, they cannot say or cannot read.
"""

import json
import sys

import fairlead_rest as rest

# The states from which a job may still be cancelled.
OPEN = {
    rest.ApiJobState.SUBMITTED,
    rest.ApiJobState.QUEUED,
    rest.ApiJobState.LEASED,
    rest.ApiJobState.PENDING,
    rest.ApiJobState.RUNNING,
}


def check(held, *said):
    """Ends the program when something does not hold; unlike assert, also under -O."""
    if not held:
        raise SystemExit(f"not as it should be: {said}")


def job(command):
    """A job with what Kubernetes' JSON writes otherwise than protobuf's."""
    port = rest.IntstrIntOrString
    main = rest.V1Container(
        name="main",
        image="alpine",
        command=["sh", "-c", command],
        ports=[rest.V1ContainerPort(name="http", containerPort=8080)],
        livenessProbe=rest.V1Probe(httpGet=rest.V1HTTPGetAction(path="/", port=port(8080)), periodSeconds=5),
        readinessProbe=rest.V1Probe(tcpSocket=rest.V1TCPSocketAction(port=port("http"))),
        volumeMounts=[rest.V1VolumeMount(name="settings", mountPath="/etc/settings")],
        resources=rest.V1ResourceRequirements(
            requests={"cpu": "100m", "memory": "64Mi"}, limits={"cpu": "100m", "memory": "64Mi"}
        ),
    )
    settings = rest.V1Volume(
        name="settings",
        configMap=rest.V1ConfigMapVolumeSource(name="settings", items=[rest.V1KeyToPath(key="a", path="a.yaml")]),
    )
    spec = rest.V1PodSpec(containers=[main], volumes=[settings], terminationGracePeriodSeconds=1)
    return rest.ApiJobSubmitRequestItem(namespace="default", podSpec=spec)


def submit(api, command):
    """Submits one job and returns its id."""
    answer = api.submit_jobs(
        rest.ApiJobSubmitRequest(queue="generated", jobSetId="set", jobRequestItems=[job(command)])
    )
    return answer.job_response_items[0].job_id


def events(api):
    """Follows the job set until a job of it succeeded, object by object: a client reads no stream by itself."""
    response = api.get_job_set_events_without_preload_content(
        "generated", "set", rest.ApiJobSetRequest(queue="generated", id="set", watch=True)
    )
    check(response.status == 200, response.status)
    buffer = b""
    for piece in response.stream(1, decode_content=True):
        buffer += piece
        if not buffer.endswith(b"\n"):
            continue
        one = rest.StreamResultOfApiEventStreamMessage.from_dict(json.loads(buffer))
        buffer = b""
        check(one.error is None and one.result.id, one)
        if one.result.message.succeeded:
            response.close()
            return one.result.message.succeeded.job_id
    raise SystemExit("the stream ended before the job")


def refused(call, status, code, words):
    """Makes a call that must be refused, with an error that the client reads."""
    try:
        call()
    except rest.ApiException as error:
        said = rest.RpcStatus.from_json(error.body)
        check(error.status == status and said.code == code and words in said.message, error)
        return said
    raise SystemExit(f"not refused: want {status}")


def main():
    """Lives through what the document describes."""
    with rest.ApiClient(rest.Configuration(host=sys.argv[1])) as client:
        api, jobs, stream = rest.SubmitApi(client), rest.JobsApi(client), rest.EventApi(client)
        api.create_queue(rest.ApiQueue(name="generated", priorityFactor=2))
        queue = api.get_queue("generated")
        check(queue.name == "generated" and queue.priority_factor == 2, queue)
        api.update_queue("generated", rest.ApiQueue(name="generated", priorityFactor=3, labels={"team": "a"}))
        check(api.get_queue("generated").labels == {"team": "a"})

        done = submit(api, "sleep 1")
        check(events(stream) == done)
        details = rest.ApiJobDetailsRequest(jobIds=[done], expandJobSpec=True, expandJobRun=True)
        while (told := jobs.get_job_details(details).job_details[done]).state != rest.ApiJobState.SUCCEEDED:
            check(told.state in OPEN, told)  # it may be a moment behind the events
        container = told.job_spec.pod_spec.containers[0]
        limits = container.resources.limits  # and those that the installation sets by default
        check(limits["cpu"] == "100m" and limits["memory"] == "64Mi", container)
        check(container.liveness_probe.http_get.port.actual_instance == 8080, container)
        check(container.readiness_probe.tcp_socket.port.actual_instance == "http", container)
        check(told.job_spec.pod_spec.volumes[0].config_map.items[0].path == "a.yaml", told)
        check(told.job_spec.pod_spec.termination_grace_period_seconds == 1, told)
        check(told.job_runs[0].finished_ts >= told.job_runs[0].started_ts, told)

        waits = submit(api, "sleep 600")
        answer = api.cancel_jobs(rest.ApiJobCancelRequest(queue="generated", jobSetId="set", jobIds=[waits]))
        check(answer.cancelled_ids == [waits], answer)
        status = rest.ApiJobStatusRequest(jobIds=[done, waits])
        want = {done: rest.ApiJobState.SUCCEEDED, waits: rest.ApiJobState.CANCELLED}
        while (states := jobs.get_job_status(status).job_states) != want:
            check(states[waits] in OPEN, states)

        refused(lambda: api.get_queue("none"), 404, 5, "none")
        empty = rest.ApiJobSubmitRequest(
            queue="generated", jobSetId="set", jobRequestItems=[rest.ApiJobSubmitRequestItem(namespace="default")]
        )
        said = refused(lambda: api.submit_jobs(empty), 400, 3, "job_request_items[0]")
        check(any(d.type.endswith("google.rpc.BadRequest") for d in said.details), said)
    print("ok")


if __name__ == "__main__":
    main()
