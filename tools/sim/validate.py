#!/usr/bin/env python3
"""Runs one scenario in the lab (a POP and its regions, real processes) and in the simulator, with the very same requests, and says
how far they agree.

  tools/validate [--scenario FILE] [--seeds 5] [--again 2] [--build build] [--write]

Each seed's requests go through the lab --again times: how far these runs are from each other is what the lab itself does not know
better. What a start costs is measured first, by deploying the functions, and the simulator is told. --write puts the table into
docs/region-selection.md. Exit code 0: each figure is within its stated error (tools/sim/agreement.py)."""
import argparse
import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import agreement  # noqa: E402
import in_lab  # noqa: E402
import table  # noqa: E402

USUAL = pathlib.Path(__file__).resolve().parent / "scenarios/lab/three-regions.toml"


def with_cold_ms(text, cold_ms):
    """The scenario's text with what starts take in this lab."""
    changed, count = re.subn(r"(?m)^cold_ms = .*$", f"cold_ms = {cold_ms:.3f}", text)
    if count != 1:
        raise in_lab.LabError(f"found {count} lines \"cold_ms = …\"; allowed: one")
    return changed


def simulate(build, text, seed):
    """The answers of the default policy."""
    with tempfile.TemporaryDirectory(prefix="skerry-validate-") as folder:
        scenario, answers = pathlib.Path(folder) / "scenario.toml", pathlib.Path(folder) / "answers.csv"
        scenario.write_text(text, encoding="utf-8")
        done = subprocess.run([build / "tools/sim/skerry-sim", "run", scenario, "--policy", "skerry", "--seed", str(seed), "--answers",
                               answers], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise in_lab.LabError(done.stderr.strip())
        with open(answers, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def measure(build, path, seeds, again):
    """By seed: figures of the lab's runs, and of the simulator's. And what the lab is like."""
    scenario = in_lab.load(path)
    found = {}
    with in_lab.Lab(build, scenario) as lab:
        cold_ms = lab.cold_ms()
        text = with_cold_ms(path.read_text(encoding="utf-8"), cold_ms)
        like = f"a start takes {cold_ms:.1f} ms; round trips {', '.join(f'{each:.1f}' for each in lab.round_trips_ms())} ms"
        print(like, flush=True)
        for seed in seeds:
            requests = in_lab.arrivals(build, path, seed)
            runs = []
            for _ in range(again):
                answers, report = lab.run(requests)
                if report["lost"] != 0 or report["status"].get("ok", 0) != len(requests):
                    print(f"seed {seed}: lost {report['lost']}, {report['status']}", flush=True)
                runs.append(agreement.figures(answers, scenario["warm_up_s"], lab.plan.regions))
                print(f"seed {seed}: lab       {line(runs[-1])}", flush=True)
            simulated = agreement.figures(simulate(build, text, seed), scenario["warm_up_s"], lab.plan.regions)
            print(f"seed {seed}: simulator {line(simulated)}", flush=True)
            found[seed] = (runs, simulated)
    return found, like


def line(figures):
    return "  ".join(f"{name} {shown(name, value)}" for name, value in figures.items())


def shown(name, value):
    return f"{value:.0f} ms" if name in agreement.LATENCY else f"{value:.1%}"


def shown_error(name, value):
    return f"{value:.1%}" if name in agreement.LATENCY else f"{value * 100:.1f} points"


def rows(found):
    """Lab beside simulator, of the means over all seeds; and how far single runs are from each other."""
    lab = agreement.mean([agreement.mean(runs) for runs, _ in found.values()])
    simulated = agreement.mean([figures for _, figures in found.values()])
    made = []
    for name, ours, theirs, error, limit, agrees in agreement.compare(lab, simulated):
        apart = [agreement.error(name, one, other) for runs, _ in found.values() for one, other in zip(runs, runs[1:])]
        single = max(agreement.error(name, agreement.mean(runs), figures) for runs, figures in found.values())
        made.append((name, ours, theirs, error, limit, agrees, max(apart, default=float("nan")), single))
    return made


def markdown(made, like, command):
    lines = ["| | lab | simulator | error | stated | one seed, at most | the lab from itself, at most |", "|---|---:|---:|---:|---:|---:|---:|"]
    words = {"pop": "executed at the POP", "cold": "cold", **{name: f"{name}, client's" for name in agreement.LATENCY}}
    for name, ours, theirs, error, limit, agrees, apart, single in made:
        verdict = "" if agrees else " **missed**"
        lines.append(f"| {words.get(name, name)} | {shown(name, ours)} | {shown(name, theirs)} | {shown_error(name, error)}{verdict} | "
                     f"{shown_error(name, limit)} | {shown_error(name, single)} | {shown_error(name, apart)} |")
    return lines + ["", f"Made by `{command}`, {table.machine()}; {like}."]


def main():
    parser = argparse.ArgumentParser(prog="tools/validate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=pathlib.Path, default=USUAL)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--again", type=int, default=2)
    parser.add_argument("--build", type=pathlib.Path, default=table.ROOT / "build")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("needs root (network namespaces)")
    if arguments.seeds < 1 or arguments.again < 1:
        parser.error("--seeds and --again: at least 1")
    try:
        found, like = measure(arguments.build.resolve(), arguments.scenario, range(1, arguments.seeds + 1), arguments.again)
    except in_lab.LabError as error:
        print(f"tools/validate: {error}", file=sys.stderr)
        return 2
    made = rows(found)
    lines = markdown(made, like, f"tools/validate --seeds {arguments.seeds} --again {arguments.again}")
    print("\n".join(lines))
    if arguments.write:
        table.DOC.write_text(table.replace(table.DOC.read_text(encoding="utf-8"), "lab", lines), encoding="utf-8")
    return 0 if all(row[5] for row in made) else 1


if __name__ == "__main__":
    sys.exit(main())
