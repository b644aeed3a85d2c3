"""Region selection: what one choice costs (skerry-bench-select, whole bursts of requests), and how good the choices are
(skerry-sim)."""
import csv
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tomllib

SIM = pathlib.Path(__file__).resolve().parents[1] / "sim"
sys.path.insert(0, str(SIM))

import goals  # noqa: E402
import table  # noqa: E402

LIMIT_NS = {3: 30, 32: 100}
DEFAULT = "skerry"


def rows(bench, row):
    runs = [bench.run("skerry-bench-select") for _ in range(3)]
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    made = []
    for name, ns in found.items():
        policy, _, regions = name.partition("/")
        limit = LIMIT_NS[int(regions)] if policy in (DEFAULT, "decision") else None
        baseline = None if policy in (DEFAULT, "row") else {"name": "the default policy", "value": found[f"{DEFAULT}/{regions}"]}
        made.append(row(f"select/{policy}/{regions}-regions", ns, "ns", baseline, limit and f"≤ {limit} ns",
                        limit and (lambda value, ratio, limit=limit: value <= limit)))
    return made + simulated(bench, row)


def simulated(bench, row):
    """The goals over the shipped scenarios, ten seeds, and what the simulator itself needs."""
    scenarios = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in table.scenario_files()}
    runs = goals.read(io.StringIO(table.simulate(bench.build, 10, os.cpu_count() or 1)))
    made = [row(f"select/{name}", value, "ms" if name.startswith("left") else "ratio", None, words,
                lambda v, r, met=met: met) for name, value, _, words, met in goals.goals(runs, scenarios)]
    words = [str(bench.build / "tools/sim/skerry-sim"), "run", str(SIM / "scenarios/large/full-scale.toml"), "--policy", "skerry"]
    with subprocess.Popen(words, text=True, stdout=subprocess.PIPE) as process:
        line = list(csv.DictReader(process.stdout))[0]
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    made.append(row("select/simulator/speed", float(line["requests_per_cpu_s"]), "requests/s", None, "≥ 1 M on one core",
                    lambda value, ratio: value >= 1e6))
    made.append(row("select/simulator/memory", used.ru_maxrss / 2**20, "GiB", None, "≤ 8 GiB", lambda value, ratio: value <= 8))
    return made
