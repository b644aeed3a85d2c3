"""What an operator does and sees: the CLI, metrics, restarts, bad artifacts, two labs, a lossy network."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

import rig
import tap
import traces
from rig import status
from run import recorded
from tap import equal

BUILD = sys.argv[1] if len(sys.argv) > 1 else None


def test_every_verb_answers_in_json(lab):
    lab.deploy("echo", "echo", "--warm-min", "1")
    equal(lab.ctl("status")["role"], "pop")
    equal([each["name"] for each in lab.ctl("function", "list")["functions"]], ["echo"])
    equal(lab.ctl("function", "describe", "echo")["name"], "echo")
    equal(len(lab.ctl("region", "list")["regions"]), 2)
    equal(lab.ctl("region", "describe", "r1")["name"], "r1")
    equal(lab.ctl("explain", "echo")["verdict"], "local")
    stats = lab.ctl("stats")
    assert all(each["name"] for each in stats["cores"][0]["stages"]), stats
    for verb in ([], ["function"], ["function", "deploy"], ["invoke"], ["stats"], ["explain"]):
        equal(lab.run(lab.skerryctl, *verb, "--help").returncode, 0, f"{verb} --help")


def test_errors_have_exit_codes_and_are_machine_readable(lab):
    done = lab.ctl("function", "describe", "nobody", check=False)
    equal(done.returncode, 1)
    assert json.loads(done.stdout or done.stderr)["error"]["code"] == "no-such-function", done
    equal(lab.run(lab.skerryctl, "nonsense").returncode, 2)
    equal(lab.run(lab.skerryctl, "--admin", "/nonexistent.sock", "status").returncode, 3)
    equal(lab.run(lab.skerryctl, "invoke", "x", "--pop", "10.77.0.2:9", "--deadline-ms", "300").returncode, 3)


def test_a_popular_function_moves_to_the_pop_and_back(lab):
    lab.deploy("trend", "echo")
    client = lab.client()
    first = client.invoke("trend", b"x")
    equal((status(first), first.place != "pop"), ("ok", True))
    tap.eventually(lambda: client.load("trend", [b"x"], 50, 0.5)[-1].place == "pop", "served at the POP")
    assert lab.ctl("function", "describe", "trend")["popular"]
    client.close()


def test_metrics_are_prometheus_text(lab):
    done = lab.run("curl", "-s", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics")
    equal(done.returncode, 0)
    assert "# TYPE skerry_reason_total counter" in done.stdout, done.stdout[:300]
    assert 'reason="served_local"' in done.stdout


def test_hostile_artifacts_are_refused(lab):
    with tempfile.TemporaryDirectory() as folder:
        for name, entry in (("up.zip", "../../escape"), ("absolute.zip", "/escape"), ("empty.zip", "readme")):
            path = pathlib.Path(folder) / name
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(entry, "x")
            done = lab.ctl("function", "deploy", "bad", "--artifact", path, check=False)
            equal(done.returncode, 1, name)
            assert "bad-artifact" in done.stdout + done.stderr, done.stdout + done.stderr


def test_a_region_refuses_a_stranger(lab):
    done = lab.run("curl", "-sk", "--max-time", "5", f"https://{lab.plan.management('r1')}:4601/v1/versions", node="pop")
    assert done.returncode != 0, done.stdout


def test_check_says_what_is_missing(lab):
    skerryd = lab.plan.skerryd
    text = (lab.plan.dir / "pop.toml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        good = pathlib.Path(folder) / "good.toml"
        good.write_text(text)
        equal(lab.run(skerryd, "--config", good, "--check", node="pop").returncode, 0)
        bad = pathlib.Path(folder) / "bad.toml"
        bad.write_text(text.replace("iface=dp0", "iface=nothere"))
        done = lab.run(skerryd, "--config", bad, "--check", node="pop")
        equal(done.returncode, 1)
        assert "FAILED" in done.stdout and "nothere" in done.stdout, done.stdout
        wrong = pathlib.Path(folder) / "wrong.toml"
        wrong.write_text(text.replace("memory_mib", "memory_mb"))
        done = lab.run(skerryd, "--config", wrong, node="pop")
        equal(done.returncode, 2, "restarting would not help")
        assert "memory_mb" in done.stderr and "wrong.toml:" in done.stderr, done.stderr


def test_core_scheduling_is_there_or_nothing_starts(lab):
    text = (lab.plan.dir / "pop.toml").read_text()
    equal(text.count("[workers]\n"), 1, text)
    with tempfile.TemporaryDirectory() as folder:
        wanted = pathlib.Path(folder) / "wanted.toml"
        wanted.write_text(text.replace("[workers]\n", "[workers]\ncore_scheduling = true\n"))
        done = lab.run(lab.plan.skerryd, "--config", wanted, "--check", node="pop")
        line = next(line for line in done.stdout.splitlines() if "core scheduling: on" in line)
        equal(done.returncode, 1 if line.startswith("FAILED") else 0, done.stdout)
        if not line.startswith("FAILED"):
            return
        for word in ("PR_SCHED_CORE", "CONFIG_SCHED_CORE", "mend: ", "nosmt"):
            assert word in line, line
        done = lab.run(lab.plan.skerryd, "--config", wanted, node="pop")
        equal(done.returncode, 3, done.stderr)
        assert line in done.stderr.splitlines(), done.stderr


def processes_of(pid):
    """A process and all its descendants."""
    found = [pid]
    for each in found:
        for task in pathlib.Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                pass
    return found


def test_a_killed_server_leaves_no_worker_and_remembers_what_was_deployed(lab):
    pid = recorded(lab.plan.dir / "pop.pid")
    family = processes_of(pid)
    assert len(family) >= 3, f"skerryd, warden, worker: {family}"
    os.kill(pid, signal.SIGKILL)
    tap.eventually(lambda: not any(pathlib.Path(f"/proc/{each}/cmdline").exists() and
                                   pathlib.Path(f"/proc/{each}/cmdline").read_bytes() for each in family),
                   "every process is gone")
    (lab.plan.dir / "pop.pid").unlink()
    lab.lab("start", "pop")
    client = lab.client()
    tap.eventually(lambda: status(client.invoke("echo", b"again")) == "ok", "the function is there again")
    client.close()


def test_skerry_load_reports(lab):
    done = lab.run(lab.plan.build / "tools/load/skerry-load", "--pop", lab.plan.address("pop"), "--function", "echo",
                   "--rate", "300", "--duration", "1", "--payload", "x", "--json", "--quiet")
    equal(done.returncode, 0, done.stderr)
    report = json.loads(done.stdout)
    equal(report["answered"], report["sent"], done.stdout)


def test_skerry_load_through_a_dpdk_port(lab):
    done = lab.run(lab.plan.build / "tools/load/skerry-load", "--pop", lab.plan.address("pop"), "--function", "echo",
                   "--rate", "300", "--duration", "1", "--payload", "x", "--json", "--quiet",
                   "--port", "net_af_packet0,iface=dp0", "--address", "10.77.0.3/24", "--gateway",
                   lab.plan.gateway("client"))
    equal(done.returncode, 0, done.stderr)
    report = json.loads(done.stdout)
    equal(report["answered"], report["sent"], done.stdout)
    done = lab.run(lab.plan.build / "tools/load/skerry-load", "--pop", lab.plan.address("pop"), "--function", "echo",
                   "--port", "net_af_packet0,iface=dp0", "--address", "10.77.0.3/24")
    equal(done.returncode, 2, "no --gateway")


def test_a_region_gets_what_it_missed(lab):
    lab.lab("kill", "r2")
    outcome = lab.deploy("late", "echo")
    equal({each["name"]: each["ok"] for each in outcome["regions"]}, {"r1": True, "r2": False})
    lab.lab("start", "r2")
    tap.eventually(lambda: "r2" in lab.ctl("function", "describe", "late")["versions"][-1]["held_by"],
                   "r2 holds it", 40)


def test_a_region_learns_what_changed_and_what_was_deleted_while_it_was_down(lab):
    lab.deploy("ghost", "echo")
    lab.deploy("kept", "echo", "--timeout-ms", "1000")
    lab.deploy("moved", "echo")
    lab.lab("kill", "r2")
    deleted = lab.ctl("function", "delete", "ghost")
    equal({each["name"]: each["ok"] for each in deleted["regions"]}, {"r1": True, "r2": False})
    lab.deploy("kept", "echo", "--timeout-ms", "2000")
    lab.deploy("moved", "echo", "--regions", "r1")
    lab.lab("start", "r2")

    def there():
        return {each["name"]: each["limits"]["timeout_ms"] for each in lab.ctl("function", "list", node="r2")["functions"]}

    tap.eventually(lambda: not {"ghost", "moved"} & set(there()), "r2 forgot them", 40)
    tap.eventually(lambda: there()["kept"] == 2000, "r2 has the limits of now", 40)
    equal(lab.ctl("function", "describe", "moved")["versions"][-1]["held_by"], ["r1"])


def test_a_region_with_strangers_at_its_door_serves_and_ends(lab):
    stranger = ("import socket, time\n"
                "def one():\n"
                "    s = socket.socket(); s.settimeout(1)\n"
                f"    s.connect(('{lab.plan.management('r2')}', 4601)); s.send(b'\\x16'); return s\n"
                "kept = [one() for _ in range(12)]\n"
                "print('in', flush=True); time.sleep(60)\n")
    # From another address than the POP's: one address has few connections before it shows a certificate.
    with subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("r1"), sys.executable, "-c", stranger],
                          stdout=subprocess.PIPE, text=True) as crowd:
        try:
            equal(crowd.stdout.readline().strip(), "in")
            outcome = lab.deploy("crowded", "echo")
            equal({each["name"]: each["ok"] for each in outcome["regions"]}, {"r1": True, "r2": True})
            pid = recorded(lab.plan.dir / "r2.pid")
            begin = time.monotonic()
            os.kill(pid, signal.SIGTERM)
            tap.eventually(lambda: recorded(lab.plan.dir / "r2.pid") is None, "r2 has ended", 15)
            assert time.monotonic() - begin < 8, f"it took {time.monotonic() - begin:.1f} s"
        finally:
            crowd.kill()
    (lab.plan.dir / "r2.pid").unlink(missing_ok=True)
    lab.lab("start", "r2")


def test_a_server_ends_in_the_middle_of_a_deploy(lab):
    region, pop = recorded(lab.plan.dir / "r1.pid"), recorded(lab.plan.dir / "pop.pid")
    os.kill(region, signal.SIGSTOP)
    try:
        with subprocess.Popen([lab.skerryctl, "--json", "--admin", lab.plan.admin_socket("pop"), "function", "deploy",
                               "stuck", "--artifact", lab.artifact("echo")], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as deploy:
            time.sleep(1)
            assert deploy.poll() is None, "the region does not answer"
            begin = time.monotonic()
            os.kill(pop, signal.SIGTERM)
            tap.eventually(lambda: recorded(lab.plan.dir / "pop.pid") is None, "the POP has ended", 15)
            assert time.monotonic() - begin < 8, f"it took {time.monotonic() - begin:.1f} s"
            assert deploy.wait(5) != 0, deploy.stdout.read()
    finally:
        os.kill(region, signal.SIGCONT)
    (lab.plan.dir / "pop.pid").unlink(missing_ok=True)
    lab.lab("start", "pop")
    equal(lab.ctl("function", "describe", "stuck", check=False).returncode, 1)


def test_a_state_folder_is_for_one_server(lab):
    done = lab.run(lab.plan.skerryd, "--config", lab.plan.dir / "r2.toml", node="r2")
    equal(done.returncode, 3)
    assert "another skerryd uses it" in done.stderr, done.stderr


def test_uids_are_one_server_s(lab):
    """A server whose workers would have uids of another's does not start, and says whose they are."""
    config = (lab.plan.dir / "r2.toml").read_text()
    first = lab.plan.first_uid
    other = lab.new_folder() / "other.toml"
    other.write_text(re.sub(r"first_uid = .*", f"first_uid = {first + 10}", config)
                     .replace(str(lab.plan.node_dir("r2")), str(other.parent / "state")))
    done = lab.run(lab.plan.skerryd, "--config", other, node="r2")
    equal(done.returncode, 3, done.stderr)
    assert f"another skerryd of this machine has uids {first} to {first + 63}" in done.stderr, done.stderr


def test_two_labs_do_not_collide(lab):
    with rig.Rig(BUILD, "t", regions=1) as other:
        other.deploy("echo", "work", "--warm-min", "1")
        client = other.client()
        reply = client.invoke("echo", b"us=1")
        assert reply.payload.startswith(b"version="), reply
        client.close()
    client = lab.client()
    equal(client.invoke("echo", b"mine").payload, b"mine")
    client.close()


def test_two_cores_find_each_others_replies(lab):
    del lab
    with rig.Rig(BUILD, "c", regions=1, settings=["cores=2"]) as two:
        two.deploy("here", "echo", "--warm-min", "2")
        two.deploy("there", "echo", "--place", "region", "--warm-min", "2")
        clients = [two.client() for _ in range(12)]
        for function in ("here", "there"):
            for client in clients:
                reply = client.invoke(function, b"x")
                equal((status(reply), reply.payload), ("ok", b"x"), function)
        for client in clients:
            client.close()
        cores = two.ctl("stats")["cores"]
        assert all(core["rx_packets"] > 0 for core in cores), "both cores had packets"
        assert two.reasons()["handed_over"] > 0, "a reply came to the core that did not wait for it"


def test_a_lossy_network_runs_nothing_twice(lab):
    del lab
    with rig.Rig(BUILD, "l", regions=2, link="--loss 0.03 --duplicate 0.05 --reorder 0.02") as lossy:
        lossy.deploy("orders", "work", "--place", "region", "--warm-min", "2")
        client = lossy.client()
        requests = client.load("orders", [b"us=1000 mode=sleep"], 100, 4, deadline_ms=4000)
        client.close()
        ends = {status(request) for request in requests}
        assert all(request.answered for request in requests)
        assert ends <= {"ok", "outcome_unknown"}, ends
        good = sum(status(request) == "ok" for request in requests)
        assert good >= 0.97 * len(requests), f"{good} of {len(requests)}"
        twice = {key: count for key, count in lossy.executions("orders").items() if count > 1}
        # Silence before `accepted` may be a lost `accepted`: such replies say so, and only those may repeat.
        suspects = sum(bool(request.flags & 16) for request in requests)
        assert len(twice) <= suspects, (twice, suspects)


def test_down_leaves_nothing(lab):
    # Started by hand, so that no file of the lab knows its pid.
    stray = subprocess.Popen([sys.executable, rig.ROOT / "tools/lab", "exec", "--name", lab.plan.name, "client",
                              "sleep", "600"])
    try:
        before = tap.eventually(lambda: (found := traces.processes(lab.plan.name)) and stray.pid in found and found,
                                "the stray is in its namespace")
        assert len(before) >= 9, f"3 servers, their wardens, 2 link emulators, the stray: {before}"
        lab.lab("down")
        stray.wait(5)
    finally:
        stray.kill()
    traces.check_gone(lab.plan.name, before)


if __name__ == "__main__":
    with rig.Rig(BUILD, "o", settings=["idle_timeout_ms=4000"]) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
