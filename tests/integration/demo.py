"""tools/demo, the whole of it and interrupted: what it prints, and that nothing is left of it."""
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
import traces
from tap import equal

BUILD = sys.argv[1]
KEYS = {
    "local": {"requests", "p50_us", "p99_us"},
    "forwarded": {"requests", "p50_us", "p99_us"},
    "affinity": {"requests", "same_region_share"},
    "spill": {"requests", "forwarded", "failed"},
    "rollout": {"requests", "failed", "stale"},
    "http": {"requests", "p50_us", "body_bytes"},
    "failover": {"requests", "answered", "executed_twice", "max_gap_ms"},
    "aws": {"calls", "first", "second", "after_rollback"},
    "residency": {"requests", "anywhere_in_r1", "confined_in_r1"},
    "languages": {"bash_cold_ms", "bash_warm_us", "python_cold_ms", "python_warm_us", "nodejs_cold_ms", "nodejs_warm_us"},
}


class Demo:
    """A demo in a session of its own, as in a terminal of its own: one signal reaches all that is in it."""

    def __init__(self, *words):
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-demo-test-")
        self.errors = pathlib.Path(self.folder.name) / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [rig.ROOT / "tools/demo", "--json", *map(str, words)], stdout=subprocess.PIPE, stderr=errors,
                text=True, start_new_session=True, env=dict(os.environ, TMPDIR=self.folder.name))
        self.lab = f"d{self.process.pid % 0xFFFFFF:x}"

    def narrates(self, text, patience_s=60):
        tap.eventually(lambda: text in self.errors.read_text(), f"the demo says {text!r}", patience_s)

    def signal(self, *signals):
        for each in signals:
            os.killpg(self.process.pid, each)
            time.sleep(0.05)

    def end(self, patience_s=60):
        out, _ = self.process.communicate(timeout=patience_s)
        text = self.errors.read_text()
        files = [path.name for path in pathlib.Path(self.folder.name).iterdir()]
        self.folder.cleanup()
        equal(files, ["stderr"], f"temporary files of the demo, which said {text}")
        return self.process.returncode, out, text


def interrupted(demo, before, *signals):
    demo.signal(*signals)
    code, out, text = demo.end()
    equal(code, 130, text)
    equal(out, "")
    assert "everything it had started is gone" in text, text
    traces.check_gone(demo.lab, before)


def test_the_whole_demo():
    demo = Demo("--no-build", "--build", BUILD)
    demo.narrates("A popular function")
    before = traces.processes(demo.lab)
    assert len(before) >= 4 + 4 + 3, f"servers, wardens, link emulators: {before}"
    code, out, text = demo.end(300)
    equal(code, 0, text)
    result = json.loads(out)
    for scene, keys in KEYS.items():
        assert keys <= result[scene].keys(), (scene, result[scene])
        assert all(isinstance(result[scene][key], (int, float)) for key in keys), result[scene]
    for scene in ("local", "forwarded"):
        assert 0 < result[scene]["p50_us"] <= result[scene]["p99_us"], result[scene]
    equal(result["affinity"]["same_region_share"], 1.0)
    assert result["spill"]["forwarded"] > 0, result["spill"]
    equal((result["spill"]["failed"], result["rollout"]["failed"], result["rollout"]["stale"]), (0, 0, 0))
    equal(result["failover"]["answered"], result["failover"]["requests"])
    equal(result["failover"]["executed_twice"], 0)
    traces.check_gone(demo.lab, before)


def test_interrupted_while_the_lab_comes_up():
    demo = Demo("--no-build", "--build", BUILD)
    before = traces.families(demo.lab, 3)
    interrupted(demo, before, signal.SIGINT)


def test_interrupted_during_a_scene():
    demo = Demo("--no-build", "--build", BUILD)
    demo.narrates("A rare function")
    before = traces.processes(demo.lab)
    interrupted(demo, before, signal.SIGINT)


def test_interrupted_again_and_again():
    demo = Demo("--no-build", "--build", BUILD)
    demo.narrates("A popular function")
    before = traces.processes(demo.lab)
    interrupted(demo, before, signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def test_ended_by_sigterm_and_by_its_terminal():
    for each in (signal.SIGTERM, signal.SIGHUP):
        demo = Demo("--no-build", "--build", BUILD)
        before = traces.families(demo.lab, 4)
        interrupted(demo, before, each)


def test_ended_while_it_builds():
    with tempfile.TemporaryDirectory(prefix="skerry-demo-build-") as folder:
        demo = Demo("--build", folder)
        tap.eventually(lambda: traces.mentioned(f"meson setup {folder}"), "meson runs")
        # Python alone, as a service manager would do it.
        os.kill(demo.process.pid, signal.SIGTERM)
        code, _, text = demo.end()
        equal(code, 130, text)
        assert not traces.mentioned(folder), traces.mentioned(folder)


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules["__main__"]))
