"""A server that is told to end, that hangs, whose warden stands still, or whose disk is full."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import leftovers
import rig
import tap
from leftovers import Snapshot, gone
from service import ECHO, Service
from steady import Kind, Steady
from supervisor import Supervisor, read_unit, seconds
from tap import equal

# Slower than they come in: some wait when the server is told to end.
SLOW = Kind("slow", 25, lambda n: f"us=150000 mode=sleep bytes={100 + n % 400}".encode(),
            lambda asked, got: got.startswith(b"version=none us=150000") and len(got) == int(asked.split(b"bytes=")[1]),
            deadline_ms=5000)


def test_no_accepted_request_is_lost_by_a_stop(lab):
    with Service(lab) as service:
        lab.deploy("slow", "work", "--place", "pop", "--warm-min", "3", "--warm-max", "3")
        client = lab.client()
        with Steady(client, SLOW) as load:
            tap.eventually(lambda: load.first_good(0), "served")
            time.sleep(2)
            told = time.monotonic()
            equal(service.supervisor.stop(), 0)
            ended = time.monotonic()
            time.sleep(0.2)
            service.supervisor.restart()
            service.supervisor.wait_ready(30, runs=2)
            tap.eventually(lambda: load.first_good(ended), "served again")
        client.close()
        # On the wire for 50 ms and not sent again: they were there before the signal.
        before = [each for each in load.requests if each.due < told - 0.05]
        waiting = [each for each in before if not each.answered or each.answered > told]
        print(f"# {len(waiting)} requests in its hands when told to end; it took {ended - told:.2f} s; "
              f"ends of all: {dict(load.ends())}", flush=True)
        assert len(waiting) >= 2, "too few to show anything"
        equal(dict(load.ends(before)), {"ok": len(before)})
        late = [each for each in waiting if each.answered > ended or each.low in load.sent_again and
                each.answered - each.due > 0.75]
        assert not [each for each in late if each.answered > ended], "answered by the next server"
        equal(load.wrong(), [])
        assert set(load.ends()) <= {"ok", "draining", "silence"}, load.ends()


def test_a_second_signal_ends_it_at_once(lab):
    with Service(lab) as service:
        lab.deploy("slow", "work", "--place", "pop", "--warm-min", "1", "--timeout-ms", "20000")
        client = lab.client()
        request = client.new_request()
        client.begin(request, "slow", b"us=8000000 mode=sleep", 10000)
        client.wait([request], 0.5)
        snapshot = Snapshot(service.supervisor.pid)
        os.kill(service.supervisor.pid, signal.SIGTERM)
        time.sleep(0.3)
        begin = time.monotonic()
        equal(service.supervisor.stop(), 0)
        assert time.monotonic() - begin < 7, time.monotonic() - begin
        client.close()
        gone(snapshot)


def test_what_others_have_made_since_is_not_left_of_it(lab):
    """The kernel gives numbers of namespaces again at once: also to a process that was there before (a jail that waits
    for its order, of another server)."""
    script = ("import ctypes, sys\nsys.stdin.readline()\nctypes.CDLL(None).unshare(0x04000000)\nprint(flush=True)\n"
              "sys.stdin.readline()")
    with Service(lab) as service:
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as other:
            snapshot = Snapshot(service.supervisor.pid)
            equal(service.supervisor.stop(), 0)
            gone(snapshot)
            print(file=other.stdin, flush=True)
            other.stdout.readline()
            snapshot.namespaces |= leftovers.namespaces_of(other.pid) - leftovers.namespaces_of(os.getpid())
            equal(snapshot.remains(), [])
            print(file=other.stdin, flush=True)


def test_a_warden_that_stands_still_for_a_while(lab):
    with Service(lab) as service:
        service.deploy_kinds()
        warden = Snapshot(service.supervisor.pid).warden
        client = lab.client()
        with Steady(client, ECHO) as load:
            tap.eventually(lambda: load.first_good(0), "served")
            stopped = time.monotonic()
            os.kill(warden, signal.SIGSTOP)
            try:
                time.sleep(1)
                # Those there are go on; one that ends is not replaced yet.
                ends = load.ends([each for each in load.since(stopped) if each.due < time.monotonic() - 0.3])
                assert set(ends) == {"ok"}, ends
                worker = next(pid for pid in Snapshot(service.supervisor.pid).family
                              if leftovers.read(pathlib.Path(f"/proc/{pid}/comm")).strip() == "bootstrap")
                os.kill(worker, signal.SIGKILL)
                time.sleep(1)
                assert load.first_good(time.monotonic() - 0.5), "the other worker serves"
            finally:
                os.kill(warden, signal.SIGCONT)
            tap.eventually(lambda: service.functions()["echo"]["versions"][-1]["workers"] >= 2, "as many as before")
        client.close()
        equal((load.wrong(), len(service.supervisor.runs)), ([], 1))
        assert set(load.ends()) <= {"ok", "worker_died"}, load.ends()
        assert load.ends()["ok"] >= len(load.requests) - 5, load.ends()


def test_a_warden_that_stands_still_does_not_keep_a_server_from_ending(lab):
    with Service(lab) as service:
        lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
        snapshot = Snapshot(service.supervisor.pid)
        os.kill(snapshot.warden, signal.SIGSTOP)
        begin = time.monotonic()
        equal(service.supervisor.stop(), 0, "ended by itself")
        assert time.monotonic() - begin < seconds(read_unit()["TimeoutStopSec"]) / 2, time.monotonic() - begin
        gone(snapshot)


def test_a_warden_that_stood_still_ends_once_it_goes_on(lab):
    """Until then systemd has to kill it, which it does."""
    with Service(lab) as service:
        lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
        snapshot = Snapshot(service.supervisor.pid)
        os.kill(snapshot.warden, signal.SIGSTOP)
        os.kill(snapshot.pid, signal.SIGKILL)
        service.supervisor.wait_ready(30, runs=2)
        os.kill(snapshot.warden, signal.SIGCONT)
        gone(snapshot)


def test_what_could_not_start_has_a_code_of_its_own(lab):
    with Service(lab) as service:
        done = lab.run(lab.plan.skerryd, "--config", lab.plan.dir / "pop.toml", node="pop")
        equal((done.returncode, "another skerryd uses it" in done.stderr), (3, True), done.stderr)
        equal(len(service.supervisor.runs), 1)


def test_it_tells_the_manager_that_it_lives(lab):
    with Service(lab, unit=dict(read_unit(), WatchdogSec="400ms")) as service:
        run = service.supervisor.run
        before = run["alive"]
        tap.eventually(lambda: run["alive"] >= before + 5, "five signs of life", 5)


def test_a_wrong_configuration_is_not_tried_again(lab):
    wrong = lab.new_folder() / "wrong.toml"
    wrong.write_text("role = \"nobody\"\n")
    with Supervisor([lab.plan.skerryd, "--config", wrong], lab.new_folder()) as supervisor:
        tap.eventually(lambda: supervisor.runs and supervisor.run["ended"], "it ended")
        supervisor.thread.join(5)
        equal((len(supervisor.runs), supervisor.run["code"]), (1, 2))


def test_a_full_disk(lab):
    """state_dir on a file system of 4 MiB, in a mount namespace of this server's own."""
    node = lab.plan.node_dir("pop")
    mount = f"mount -t tmpfs -o size=4m,mode=755 none {node} && exec \"$@\""
    with Service(lab, before=["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"]) as service:
        there = pathlib.Path(f"/proc/{service.supervisor.pid}/root{node}")

        def ctl(*words):
            return lab.run(lab.skerryctl, "--json", "--admin", there / "admin.sock", *words)

        done = ctl("function", "deploy", "echo", "--artifact", lab.artifact("echo"), "--place", "pop", "--warm-min", "1")
        equal(done.returncode, 0, done.stdout + done.stderr)
        # It has something to say in its log, each time.
        done = ctl("function", "deploy", "talker", "--artifact", lab.artifact("work"), "--place", "pop", "--warm-min", "1")
        equal(done.returncode, 0, done.stdout + done.stderr)
        filler = there / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        client, other = lab.client(), lab.client()
        with Steady(client, ECHO) as load:
            done = ctl("function", "deploy", "more", "--artifact", lab.artifact("redact"), "--place", "pop")
            equal(done.returncode, 1, done.stdout)
            error = json.loads(done.stdout or done.stderr)["error"]
            print(f"# a deploy on a full disk: {error}", flush=True)
            assert "space" in json.dumps(error).lower(), error
            equal({rig.status(other.invoke("talker", b"us=0")) for _ in range(100)}, {"ok"}, "whose log has no room")
            for pid in Snapshot(service.supervisor.pid).family:
                if leftovers.read(pathlib.Path(f"/proc/{pid}/comm")).strip() == "bootstrap":
                    os.kill(pid, signal.SIGKILL)  # new ones can be started on a full disk
            killed = time.monotonic()
            tap.eventually(lambda: load.first_good(killed + 0.2), "served on")
            tap.eventually(lambda: rig.status(other.invoke("talker", b"us=0")) == "ok", "the other one, too")
        client.close()
        other.close()
        equal(load.wrong(), [])
        names = {path.name for path in (there / "artifacts").iterdir()}
        equal(len(names), 4, f"nothing of the deploy that failed: {names}")
        filler.unlink()
        done = ctl("function", "deploy", "more", "--artifact", lab.artifact("echo"), "--place", "pop")
        equal(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "x", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
