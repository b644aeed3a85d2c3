"""Event invocations: accepted by AWS's own client, kept through a SIGKILL of skerryd, executed later, none forgotten."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import rig
import tap
from service import Service
from tap import equal, eventually

HERE = pathlib.Path(__file__).resolve().parent
CORES = 2
MORE = '\n[events]\npersist = "%s"\nretry_delay_ms = 200\nbusy_delay_ms = 50\nconcurrency = 4\nmax_age_s = 120\n'
more = tempfile.NamedTemporaryFile("w", suffix=".toml")
more.write(MORE % "synced")
more.flush()


def bring(lab, function, payload, count):
    """So many of them, by boto3; the request ids of those that were accepted."""
    done = lab.run("/usr/bin/python3", HERE / "event_calls.py", lab.plan.pop_url(), function, payload, count)
    equal(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


def uuid(written):
    digits = written.replace("-", "")
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def events(lab):
    return lab.ctl("events")


def test_executed_later(lab):
    lab.deploy("work", "work", "--place", "pop", "--warm-min", "1")
    found = bring(lab, "work", "us=0", 20)
    equal((found["statuses"], found["bodies"]), ([202], [""]))
    equal(check_executed(lab, set(found["ids"])), 20)
    equal((events(lab)["records"], events(lab)["attempts"]), (0, 20))
    equal(bring(lab, "nobody", "{}", 1)["errors"], ["ResourceNotFoundException"])


def test_tried_again(lab):
    """The same request three times, each on a connection of its own, as a client does that has not heard of its 202."""
    before = len(lab.executions("work"))
    told = [lab.run("curl", "-sSi", "-d", "us=1", "-H", "X-Amz-Invocation-Type: Event", "-H", "amz-sdk-invocation-id: the-same",
                    f"{lab.plan.pop_url()}/2015-03-31/functions/work/invocations").stdout for _ in range(3)]
    equal({each.splitlines()[0] for each in told}, {"HTTP/1.1 202 Accepted"}, told)
    ids = {line for each in told for line in each.splitlines() if line.startswith("x-amzn-RequestId: ")}
    equal(len(ids), 1, "all are told of the one that is kept")
    eventually(lambda: events(lab)["records"] == 0, "it is executed")
    equal(len(lab.executions("work")) - before, 1)
    equal(lab.reasons()["served_retry"], 2)


def test_aws_cli(lab):
    """Debian's AWS CLI; and the function is in a region only."""
    lab.deploy("far", "work", "--place", "region")
    folder = lab.new_folder()
    done = lab.run("env", f"HOME={folder}", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y", "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1",
                   "AWS_PAGER=", "/usr/bin/aws", "--endpoint-url", lab.plan.pop_url(), "lambda", "invoke", "--function-name", "far", "--invocation-type", "Event",
                   "--cli-binary-format", "raw-in-base64-out", "--payload", "us=0", folder / "out")
    equal((done.returncode, done.stderr), (0, ""))
    equal((json.loads(done.stdout), (folder / "out").read_text()), ({"StatusCode": 202}, ""))
    before = lab.reasons()["served_region"]
    eventually(lambda: events(lab)["records"] == 0, "it is executed")
    equal(sum(lab.executions("far").values()), 1)
    assert lab.reasons()["served_region"] == 1 and before <= 1, lab.reasons()


def test_failures(lab):
    """Tried again as often as it may, then given up."""
    before = events(lab)
    ids = bring(lab, "work", "us=0 fail=1", 1)["ids"]
    eventually(lambda: events(lab)["dropped"]["function_failed"] == 1, "it is given up", 20)
    now = events(lab)
    equal((now["attempts"] - before["attempts"], now["failures"] - before["failures"], now["records"]), (3, 3, 0))
    equal([count for id, count in lab.executions("work").items() if uuid(id) == ids[0]], [3])


def kill(service):
    run = service.supervisor.run
    os.kill(run["pid"], signal.SIGKILL)
    service.supervisor.wait_end(run, 15)
    eventually(lambda: service.supervisor.run and service.supervisor.run["pid"] != run["pid"], "it is started again", 15)
    service.supervisor.wait_ready(20)


def check_executed(lab, accepted):
    eventually(lambda: events(lab)["records"] == 0, "all are executed", 60)
    ran = {uuid(id): count for id, count in lab.executions("work").items()}
    equal(accepted - set(ran), set(), "accepted, and never executed")
    return sum(ran[id] for id in accepted)


def test_sigkill(lab):
    """Count in = count out, whether it is on the disk or only with the kernel; in memory it is lost."""
    config = lab.plan.dir / "pop.toml"
    text = config.read_text()
    for persist in ("synced", "written", "off"):
        config.write_text(text.replace('persist = "synced"', f'persist = "{persist}"'))
        with Service(lab) as service:
            equal((events(lab)["persist"], events(lab)["records"]), (persist, 0))
            accepted = set(bring(lab, "work", "us=100000 mode=sleep", 60)["ids"])
            equal(len(accepted), 60)
            kept = events(lab)["records"]
            assert kept > 20, kept
            kill(service)
            if persist == "off":
                equal(events(lab)["records"], 0)
            else:
                began = time.monotonic()
                times = check_executed(lab, accepted)
                print(f"# {persist}: {times} executions of {len(accepted)} events, {time.monotonic() - began:.1f} s after the start", flush=True)
    config.write_text(text)


def test_full_disk(lab):
    """A file system that has no room: an error that AWS's client knows, what was accepted is executed, and that makes room."""
    folder = lab.plan.node_dir("pop") / "events"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=36m,mode=700", "tmpfs", folder], check=True)
    try:
        with Service(lab):
            found = bring(lab, "work", "us=200000 mode=sleep" + " " * 50_000, 150)
            equal(found["errors"], ["ServiceException"])
            assert 20 < len(found["ids"]) < 150, len(found["ids"])
            assert events(lab)["refused"]["store"] > 0
            check_executed(lab, set(found["ids"]))
            again = bring(lab, "work", "us=0", 5)
            equal((len(again["ids"]), again["errors"]), (5, []))
            check_executed(lab, set(again["ids"]))
            equal(events(lab)["last_error"], "")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "e", regions=1, settings=[f"more={more.name}", f"cores={CORES}"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
