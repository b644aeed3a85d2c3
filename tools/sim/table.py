#!/usr/bin/env python3
"""Regenerates the tables and figures of docs/region-selection.md from runs of all shipped scenarios.

  tools/selection-table [--seeds 10] [--jobs 2] [--build build] [--csv FILE]

--csv FILE takes results from there if the file exists, else writes them there. Text outside of the marks
"<!-- table … -->" stays as it is."""
import argparse
import datetime
import io
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import figures  # noqa: E402
import goals  # noqa: E402

ROOT = HERE.parents[1]
DOC = ROOT / "docs/region-selection.md"
IMAGES = ROOT / "docs/region-selection"
SHOWN = goals.POLICIES + goals.ORACLES


def scenario_files():
    return sorted((HERE / "scenarios").glob("*.toml"))


def simulate(build, seeds, jobs):
    """The CSV of all scenarios and seeds; runs side by side, in the order of the scenarios' names."""
    program = build / "tools/sim/skerry-sim"

    def one(work):
        path, seed = work
        done = subprocess.run([program, "run", path, "--seed", str(seed)], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{program} run {path}: {done.stderr.strip()}")
        return done.stdout
    work = [(path, seed) for path in scenario_files() for seed in range(1, seeds + 1)]
    with ThreadPoolExecutor(jobs) as pool:
        texts = list(pool.map(one, work))
    return texts[0].split("\n", 1)[0] + "\n" + "".join(each.split("\n", 1)[1] for each in texts)


def shown(values, digits=0, factor=1):
    mean, half = goals.interval([value * factor for value in values])
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if half == half else "")


def policy_table(runs):
    lines = ["| scenario | " + " | ".join(SHOWN) + " |", "|---|" + "---:|" * len(SHOWN)]
    for name, policies in runs.items():
        cells = []
        best = min(SHOWN[:len(goals.POLICIES)], key=lambda each: goals.interval(policies[each]["mean_ms"])[0])
        for policy in SHOWN:
            figure = policies[policy]
            cell = f"{shown(figure['mean_ms'])}<br>{shown(figure['p99_ms'])}<br>{shown(figure['cold_share'], 1, 100)} %"
            cells.append(f"**{cell.replace('<br>', '**<br>', 1)}" if policy == best else cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def more_table(runs):
    columns = [("p50, ms", "p50_ms", 0, 1), ("p99.9, ms", "p999_ms", 0, 1), ("network, ms", "network_ms", 0, 1),
               ("wait, ms", "wait_ms", 1, 1), ("cold, ms", "cold_ms", 0, 1), ("at the POP, %", "local_share", 1, 100), ("spilled, %", "spill_share", 2, 100),
               ("extra requests, %", "extra_share", 2, 100), ("lost, %", "failed_share", 3, 100),
               ("fairness", "fairness", 3, 1), ("worst POP ÷ mean", "worst_pop", 2, 1),
               ("WAN, MB", "wan_mb", 0, 1)]
    lines = ["| scenario | " + " | ".join(name for name, *_ in columns) + " | bound, ms |", "|---|" + "---:|" * (len(columns) + 1)]
    for name, policies in runs.items():
        ours = policies["skerry"]
        bound = policies["oracle-hindsight"]["bound_ms"]
        lines.append(f"| {name} | " + " | ".join(shown(ours[key], digits, factor) for _, key, digits, factor in columns)
                     + f" | {shown(bound)} |")
    return lines


def goal_table(found):
    lines = ["| goal | scenario | value | verdict |", "|---|---|---:|---|"]
    for name, value, half, words, met in found:
        kind, scenario = name.split("/", 1)
        spread = f" ± {half:.3f}" if half == half else ""
        lines.append(f"| {kind}: {words} | {scenario.split('/')[0]} | {value:.3f}{spread} | {'met' if met else '**missed**'} |")
    return lines


def draw(build, runs):
    for figure, unit, title in (("mean_ms", "ms", "Mean latency of forwarded requests, with 95 % confidence"),
                                ("p99_ms", "ms", "p99 latency of forwarded requests, with 95 % confidence")):
        groups = [(name, {policy: goals.interval(policies[policy][figure]) for policy in SHOWN}) for name, policies in runs.items()]
        figures.save(IMAGES, figure.removesuffix("_ms"), figures.bars(groups, unit, title))
    with tempfile.TemporaryDirectory() as folder:
        some = ["skerry", "nearest", "affinity", "oracle-greedy"]
        for name in ("region-loss", "brown-out", "rollout", "busy"):
            subprocess.run([build / "tools/sim/skerry-sim", "run", HERE / f"scenarios/{name}.toml", "--policy", ",".join(some), "--out", folder],
                           check=True, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(folder)
        for name, marks in (("region-loss", (1200, 1800)), ("brown-out", (1200, 1800)), ("rollout", (1500,))):
            figures.save(IMAGES, f"timeline-{name}", figures.timeline({policy: folder / f"{name}.{policy}.timeline.csv" for policy in some},
                                                                      f"Scenario {name}, seed 1", marks))
        for policy in ("skerry", "affinity"):
            figures.save(IMAGES, f"map-{policy}", figures.world_map(folder / f"busy.{policy}.map.csv", f"Where requests ran: {policy}, scenario busy, seed 1"))


def machine():
    model = next((each.split(":", 1)[1].strip() for each in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                  if each.startswith("model name")), platform.processor())
    return f"{model}, Linux {platform.release()}, {datetime.date.today().isoformat()}"


def replace(document, name, lines):
    mark = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", re.S)
    if not mark.search(document):
        raise SystemExit(f"{DOC}: no mark <!-- table {name} -->")
    return mark.sub(lambda found: found.group(1) + "\n".join(lines) + "\n" + found.group(2), document)


def main():
    parser = argparse.ArgumentParser(prog="tools/selection-table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--csv", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.csv and arguments.csv.exists():
        text = arguments.csv.read_text(encoding="utf-8")
    else:
        text = simulate(arguments.build, arguments.seeds, arguments.jobs)
        if arguments.csv:
            arguments.csv.write_text(text, encoding="utf-8")
    runs = goals.read(io.StringIO(text))
    scenarios = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in scenario_files()}
    seeds = len(next(iter(next(iter(runs.values())).values()))["mean_ms"])
    found = goals.goals(runs, scenarios)
    document = DOC.read_text(encoding="utf-8")
    document = replace(document, "policies", policy_table(runs))
    document = replace(document, "more", more_table(runs))
    document = replace(document, "goals", goal_table(found))
    document = replace(document, "made", [f"Made by `tools/selection-table --seeds {seeds}`, {machine()}."])
    DOC.write_text(document, encoding="utf-8")
    draw(arguments.build, runs)
    met = sum(each[4] for each in found)
    print(f"{met} of {len(found)} goals met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
