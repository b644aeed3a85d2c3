"""Installs, builds, and shows the main job: a POP and three regions on this machine, with real functions.

  tools/demo [--json] [--no-build]

Needs root (network namespaces, jails). Everything it starts is gone when it ends, also when interrupted.
--json prints one object with what was measured; the narration goes to standard error then."""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/demo.d"), str(ROOT / "tools/lab.d")]
sys.dont_write_bytecode = True

import aws_cli  # noqa: E402
import client  # noqa: E402
import residency  # noqa: E402
import scenes  # noqa: E402
from plan import Plan  # noqa: E402
from run import LabError, catch_signals, held_back, ignore_signals  # noqa: E402

COLUMNS = {
    "local": ("requests", "p50_us", "p99_us", "p999_us"),
    "forwarded": ("requests", "p50_us", "p99_us", "p999_us"),
    "affinity": ("requests", "same_region_share", "cold_starts"),
    "spill": ("requests", "forwarded", "failed"),
    "rollout": ("requests", "failed", "stale"),
    "http": ("requests", "p50_us", "body_bytes", "regions"),
    "aws": ("calls", "first", "second", "after_rollback"),
    "residency": ("requests", "anywhere_in_r1", "confined_in_r1"),
    "failover": ("requests", "answered", "executed_twice", "max_gap_ms"),
    "languages": ("bash_cold_ms", "bash_warm_us", "python_cold_ms", "python_warm_us", "nodejs_cold_ms", "nodejs_warm_us"),
}


def run(*words):
    """The exit code. Interrupted, it ends what it runs, all of it, and waits for that."""
    with held_back():
        process = subprocess.Popen([str(word) for word in words], start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        ignore_signals()
        # The whole group: a compiler must not go on behind tools/build's back. tools/lab cleans up on this.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        limit = time.monotonic() + 15
        while group_lives(process.pid) and time.monotonic() < limit:
            time.sleep(0.02)
        raise


def group_lives(group):
    """Whether a process of the group still runs; one that nobody has waited for does not."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of = stat.read_text().rsplit(")", 1)[1].split()[:3]
            if state != "Z" and int(of) == group:
                return True
    return False


def lab(verb, plan, *words):
    if run(sys.executable, ROOT / "tools/lab", verb, "--name", plan.name, "--build", plan.build, *words) != 0:
        raise LabError(f"tools/lab {verb} failed")


def table(result, out):
    print("\n" + "─" * 96, file=out)
    for scene, columns in COLUMNS.items():
        if scene in result:
            values = "   ".join(f"{column} {result[scene][column]}" for column in columns)
            print(f"  {scene:10} {values}", file=out)
    print("─" * 96, file=out)


def show(plan, say, folder):
    stage = scenes.Stage(ROOT, plan, say)
    result = {"local": scenes.local(stage)}
    result["affinity"] = scenes.affinity(stage)
    result["forwarded"] = scenes.forwarded(stage)
    result["spill"] = scenes.spill(stage)
    result["rollout"] = scenes.rollout(stage)
    result["languages"] = scenes.languages(stage)
    result["http"] = scenes.http(stage)
    result["aws"] = aws_cli.scene(stage, folder)
    result["residency"] = residency.scene(stage)
    result["failover"] = scenes.failover(stage, lambda region: lab("kill", plan, region))
    return result


def parse():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--build", default=ROOT / "build", help="where to build (build/)")
    parser.add_argument("--no-build", action="store_true", help="install and build nothing; it is there")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("needs root (network namespaces, jails): sudo tools/demo")
    return arguments


def perform(plan, say):
    """All scenes; their lab is gone afterwards, however they end."""
    folder = tempfile.TemporaryDirectory(prefix="skerry-demo-")
    try:
        say("A POP and three regions, 5, 20 and 45 ms away, come up in namespaces of their own.")
        lab("up", plan, "--quiet", "--set", f"more={aws_cli.configuration(plan, folder.name)}")
        return show(plan, say, folder.name)
    finally:
        # Nothing may cut this short: not a second Ctrl-C, not the terminal that goes away.
        ignore_signals()
        folder.cleanup()
        lab("down", plan)


def main():
    catch_signals()
    arguments = parse()
    out = sys.stderr if arguments.json else sys.stdout
    if not arguments.no_build:
        for step in ((ROOT / "tools/setup",), (ROOT / "tools/build", "--product", arguments.build),
                     (ROOT / "tools/runtime-images", pathlib.Path(arguments.build) / "runtimes")):
            if run(*step) != 0:
                return 1
    plan = Plan(client.process_name(), arguments.build)
    started = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - started:5.1f} s] {text}", file=out, flush=True)

    result = perform(plan, say)
    result["seconds"] = round(time.monotonic() - started, 1)
    table(result, out)
    if arguments.json:
        print(json.dumps(result))
    else:
        print("All of it held. Next: docs/quick-start.md, with a function of your own.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (scenes.Broken, LabError) as error:
        # A failed `tools/lab down` ends here too, and has said what is left.
        print(f"tools/demo: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("tools/demo: interrupted; everything it had started is gone", file=sys.stderr)
        sys.exit(130)
