"""Installs, builds, and shows the main job: a POP and three regions on this machine, with real functions.

  tools/demo [--json]

Needs root (network namespaces, jails). Everything it starts is gone when it ends, also when interrupted.
--json prints one object with what was measured; the narration goes to standard error then."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/demo.d"), str(ROOT / "tools/lab.d")]
sys.dont_write_bytecode = True

import client  # noqa: E402
import scenes  # noqa: E402
from plan import Plan  # noqa: E402
from run import LabError  # noqa: E402

COLUMNS = {
    "local": ("requests", "p50_us", "p99_us", "p999_us"),
    "forwarded": ("requests", "p50_us", "p99_us", "p999_us"),
    "affinity": ("requests", "same_region_share", "cold_starts"),
    "spill": ("requests", "forwarded", "failed"),
    "rollout": ("requests", "failed", "stale"),
    "failover": ("requests", "answered", "executed_twice", "max_gap_ms"),
}


def lab(verb, plan, *words):
    done = subprocess.run([sys.executable, str(ROOT / "tools/lab"), verb, "--name", plan.name, "--build",
                           str(plan.build), *words], check=False, start_new_session=True)
    if done.returncode != 0:
        raise LabError(f"tools/lab {verb} failed")


def table(result, out):
    print("\n" + "─" * 96, file=out)
    for scene, columns in COLUMNS.items():
        if scene in result:
            values = "   ".join(f"{column} {result[scene][column]}" for column in columns)
            print(f"  {scene:10} {values}", file=out)
    print("─" * 96, file=out)


def show(plan, say):
    stage = scenes.Stage(ROOT, plan, say)
    result = {"local": scenes.local(stage)}
    result["affinity"] = scenes.affinity(stage)
    result["forwarded"] = scenes.forwarded(stage)
    result["spill"] = scenes.spill(stage)
    result["rollout"] = scenes.rollout(stage)
    result["failover"] = scenes.failover(stage, lambda region: lab("kill", plan, region))
    return result


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--build", default=ROOT / "build", help="where to build (build/)")
    arguments = parser.parse_args()
    out = sys.stderr if arguments.json else sys.stdout
    if os.geteuid() != 0:
        parser.error("needs root (network namespaces, jails): sudo tools/demo")
    if subprocess.run([str(ROOT / "tools/build"), "--product", str(arguments.build)], check=False).returncode != 0:
        return 1
    signal.signal(signal.SIGTERM, interrupted)
    plan = Plan(client.process_name(), arguments.build)
    started = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - started:5.1f} s] {text}", file=out, flush=True)

    try:
        say("A POP and three regions, 5, 20 and 45 ms away, come up in namespaces of their own.")
        lab("up", plan, "--quiet")
        result = show(plan, say)
    finally:
        lab("down", plan)
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
        print(f"tools/demo: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("tools/demo: interrupted; everything it had started is gone", file=sys.stderr)
        sys.exit(130)
