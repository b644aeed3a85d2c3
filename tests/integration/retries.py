"""AWS's own client tries again when it has waited for long enough: executed once, whichever core gets the next try."""
import json
import os
import pathlib
import signal
import subprocess
import sys

import rig
import tap
from service import Service
from tap import equal, eventually

HERE = pathlib.Path(__file__).resolve().parent
CORES = 2


def begin(lab, function, payload):
    return subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("client"), "/usr/bin/python3", HERE / "retry_calls.py",
                             lab.plan.pop_url(), function, payload], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process):
    out, errors = process.communicate(timeout=60)
    equal(process.returncode, 0, errors)
    return json.loads(out)


def check_once(lab, function, found, count):
    """So many calls have been told the same as one execution of each."""
    for each in found:
        equal((each["status"], each["ids"]), (200, 1))
        assert each["tries"] > 1, each
    ran = lab.executions(function)
    equal((len(ran), set(ran.values())), (count, {1}))


def test_a_pop(lab):
    """Several at the same time, so that tries come to either core."""
    lab.deploy("here", "work", "--place", "pop", "--warm-min", "3", "--timeout-ms", "20000")
    found = [end(each) for each in [begin(lab, "here", "us=1500000 mode=sleep") for _ in range(3)]]
    check_once(lab, "here", found, 3)
    reasons = lab.reasons()
    print("#", [round(each["seconds"], 1) for each in found], {name: reasons[name] for name in ("retry_joined", "served_retry", "served_local")})
    assert all("replayed" in each["decision"] for each in found), found
    ran = {id.replace("-", "") for id in lab.executions("here")}
    equal({each["request_id"].replace("-", "") for each in found}, ran, "the id of the one that was executed")


def test_a_region(lab):
    """The POP forwards it, and goes on waiting for the region when its client has gone."""
    lab.deploy("far", "work", "--place", "region", "--warm-min", "2", "--timeout-ms", "20000")
    found = [end(each) for each in [begin(lab, "far", "us=1500000 mode=sleep") for _ in range(2)]]
    check_once(lab, "far", found, 2)
    assert all(each["decision"].startswith("forward; region=") for each in found), found


def test_a_pop_that_is_killed(lab):
    """Its successor has no trunk (here: never): what it forwards by datagram is known at the region by the same key."""
    config, region = lab.plan.dir / "pop.toml", lab.plan.servers[1]
    config.write_text(config.read_text() + "\n[trunks]\nper_core = 0\n")
    with Service(lab) as service:
        lab.deploy("killed", "work", "--place", "region", "--warm-min", "2", "--timeout-ms", "20000")
        calls = [begin(lab, "killed", "us=3000000 mode=sleep") for _ in range(2)]
        eventually(lambda: sum(core["in_flight"] for core in lab.ctl("stats", node=region)["cores"]) == 2, "the region has both", 10)
        run = service.supervisor.run
        os.kill(run["pid"], signal.SIGKILL)
        service.supervisor.wait_end(run, 15)
        eventually(lambda: service.supervisor.run and service.supervisor.run["pid"] != run["pid"], "it is started again", 15)
        found = [end(each) for each in calls]
    check_once(lab, "killed", found, 2)
    print("#", [(each["tries"], round(each["seconds"], 1)) for each in found], flush=True)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "y", regions=1, settings=[f"cores={CORES}"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
