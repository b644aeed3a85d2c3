"""The lab, builds and test runs when something goes wrong: signals, processes nobody knows of, two at once."""
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import rig
import run
import tap
import traces
from tap import equal

BUILD = sys.argv[1]
LAB = rig.ROOT / "tools/lab"


def begin_up(name):
    return subprocess.Popen([sys.executable, LAB, "up", "--name", name, "--build", BUILD, "--regions", "1"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def down(name):
    done = subprocess.run([sys.executable, LAB, "down", "--name", name, "--build", BUILD], text=True,
                          capture_output=True, check=False)
    equal(done.returncode, 0, done.stderr)


def name_of(letter):
    return f"{letter}{os.getpid() % 0xFFFFFF:x}"


def test_an_up_that_is_ended_leaves_nothing():
    name = name_of("u")
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # Namespaces only; a link emulator too; servers too.
        for processes in (0, 1, 3):
            # On a busy machine it may be up before it was seen to come up.
            assert any(end_up(name, sig, processes) for _ in range(5)), "it was never caught in between"


def end_up(name, sig, processes):
    """False: it had come up already."""
    up = begin_up(name)
    try:
        tap.eventually(lambda: traces.namespaces(name), "namespaces")
        before = traces.families(name, processes) if processes else {}
        up.send_signal(sig)
        time.sleep(0.01)
        up.send_signal(sig)  # in the middle of the clean-up
        out, _ = up.communicate(timeout=60)
        if " is up: " in out:
            return False
        equal(up.returncode, 130, (sig, processes, out))
        traces.check_gone(name, before)
        return True
    finally:
        down(name)


def test_down_after_an_up_that_was_killed():
    name = name_of("k")
    up = begin_up(name)
    try:
        before = traces.families(name, 3)
        up.kill()
        up.communicate(timeout=10)
        # As if it had been killed before it wrote down what it had started.
        for pid_file in pathlib.Path(f"/run/skerry-lab-{name}").glob("*.pid"):
            pid_file.unlink()
        before |= traces.processes(name)
    finally:
        down(name)
    traces.check_gone(name, before)


def test_a_server_killed_in_the_middle_of_its_start():
    """It is DPDK's folder that is left then; down knows the pid."""
    with tempfile.TemporaryDirectory(prefix="skerry-lifecycle-") as folder:
        server = subprocess.Popen(["sleep", "600"])
        left = traces.DPDK / f"skerry-pop-{server.pid}"
        left.mkdir(parents=True)
        pid_file = pathlib.Path(folder) / "pop.pid"
        pid_file.write_text(f"{server.pid} {run.start_time(server.pid)}\n")
        run.end(pid_file, signal.SIGKILL)
        equal((left.exists(), pid_file.exists()), (False, False))


def test_down_ends_a_process_that_does_not_listen():
    name = name_of("x")
    up = begin_up(name)
    stray = None
    try:
        out, _ = up.communicate(timeout=60)
        equal(up.returncode, 0, out)
        stray = subprocess.Popen([sys.executable, LAB, "exec", "--name", name, "pop", "sh", "-c",
                                  "trap '' TERM HUP INT; echo ready; exec sleep 600"], stdout=subprocess.PIPE, text=True)
        equal(stray.stdout.readline(), "ready\n")
        before = traces.processes(name)
        assert stray.pid in before, before
    finally:
        down(name)
        if stray is not None:
            stray.kill()
            stray.communicate()
    traces.check_gone(name, before)


def test_a_server_that_does_not_start_leaves_no_folder():
    """An environment that DPDK refuses: more memory than there may be, and a port that is not there."""
    with rig.Rig(BUILD, "f", regions=1) as lab:
        text = (lab.plan.dir / "pop.toml").read_text()
        lab.lab("kill", "pop")
        file = pathlib.Path(lab.folder.name) / "bad.toml"
        for old, new in (("iface=dp0", "iface=nothere"), ('memory = "no-huge"\nmemory_mib = 128', 'memory_mib = 65536')):
            assert old in text
            file.write_text(text.replace(old, new))
            server = subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("pop"), lab.plan.skerryd, "--config",
                                       file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            out, _ = server.communicate(timeout=60)
            assert server.returncode != 0, out
            equal(traces.dpdk_folders([server.pid]), [], out)


def test_a_test_run_that_is_ended():
    """As meson does it when the time is over: SIGTERM for the group, half a second later SIGKILL."""
    for wait_for in (1, 6):
        test = subprocess.Popen([sys.executable, rig.ROOT / "tests/integration/endings.py", BUILD], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        name = f"e{test.pid % 0xFFFFFF:x}"
        try:
            before = traces.families(name, wait_for)
            os.killpg(test.pid, signal.SIGTERM)
            time.sleep(0.5)
        finally:
            os.killpg(test.pid, signal.SIGKILL)
            test.communicate()
        tap.eventually(lambda: not pathlib.Path(f"/run/skerry-lab-{name}").exists(), "the lab is gone")
        traces.check_gone(name, before)


def test_a_second_build_of_a_folder_waits():
    with tempfile.TemporaryDirectory(prefix="skerry-lock-") as folder:
        (pathlib.Path(folder) / "build.ninja").write_text("build all: phony\n")
        environment = {name: value for name, value in os.environ.items() if name != "SKERRY_LOCKED"}
        for words in (["tools/build", folder], ["tools/test", "--quick"]):
            with (pathlib.Path(folder) / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                second = subprocess.Popen(words, cwd=rig.ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                          text=True, start_new_session=True, env=environment | {"BUILD_DIR": folder})
                equal(second.stderr.readline(),
                      f"{words[0]}: {folder} is in use by another run; waiting for it to end\n")
                equal(second.poll(), None, "it waits")
                if words[0] == "tools/test":  # what it would do then takes minutes
                    os.killpg(second.pid, signal.SIGTERM)
            second.communicate(timeout=60)
            if words[0] == "tools/build":
                equal(second.returncode, 0)


def test_a_program_that_ends_badly_is_a_failure():
    """Also when all its cases had passed: meson's junit file says nothing of a time limit or an exit code."""
    programs = (("good", "OK", "ok 1 - a"), ("late", "TIMEOUT", "ok 1 - a"), ("crash", "ERROR", "ok 1 - a"),
                ("case", "FAIL", "1..1\nnot ok 1 - a"))
    with tempfile.TemporaryDirectory(prefix="skerry-count-") as name:
        folder = pathlib.Path(name)
        verdict = {"case": "<failure/>"}
        suites = "".join(f'<testsuite name="{each}"><testcase name="a">{verdict.get(each, "")}</testcase></testsuite>'
                         for each, _, _ in programs)
        (folder / "testlog.junit.xml").write_text(f"<testsuites>{suites}</testsuites>")
        (folder / "testlog.json").write_text("".join(
            json.dumps({"name": f"skerry:unit / {each}", "result": result, "stdout": said}) + "\n"
            for each, result, said in programs))
        done = subprocess.run([sys.executable, rig.ROOT / "tools/count_cases.py", folder, "x"], text=True,
                              capture_output=True, check=True)
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("fail ")]
    equal(failed, ["x/case/a", "x/late/timeout", "x/crash/error"])
    equal(done.stdout.count("pass "), 3)


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules["__main__"]))
