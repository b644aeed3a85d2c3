"""What the simulator's runs say about the goals of region selection: means over seeds with 95 % confidence, verdicts."""
import csv
import math
import statistics

POLICIES = ("skerry", "nearest", "peak-ewma", "two-choices", "c3", "prequal", "rendezvous", "affinity")
BASELINES = POLICIES[1:]
ORACLES = ("oracle-greedy", "oracle-hindsight")
# Student's t, two-sided 95 %, by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 19: 2.09, 29: 2.05}


def read(file):
    """{scenario: {policy: {figure: [value of each seed]}}}"""
    found = {}
    for line in csv.DictReader(file):
        figures = found.setdefault(line["scenario"], {}).setdefault(line["policy"], {})
        for name, value in line.items():
            if name not in ("scenario", "policy"):
                figures.setdefault(name, []).append(float(value))
    return found


def interval(values):
    """(mean, half of the 95 % confidence interval)"""
    if len(values) < 2:
        return (values[0] if values else math.nan), math.nan
    degrees = len(values) - 1
    factor = T95.get(degrees) or T95[max(each for each in T95 if each <= degrees)]
    return statistics.mean(values), factor * statistics.stdev(values) / math.sqrt(len(values))


def ratio(ours, theirs):
    """Of paired runs: the same seed is the same world and the same requests."""
    return interval([a / b for a, b in zip(ours, theirs) if b > 0])


def better_oracle(policies):
    return min(ORACLES, key=lambda name: statistics.mean(policies[name]["mean_ms"]))


def goals(runs, scenarios):
    """One (name, value, half interval, goal text, met) for each goal and scenario. `scenarios`: {name: parsed TOML}."""
    found = []
    for name, policies in runs.items():
        scenario = scenarios[name]
        ours = policies["skerry"]
        steady = not any(key in scenario for key in ("fault", "flash", "rollout"))
        if steady:
            limit = 1.2 if scenario.get("memory_pressure") else 1.1
            value, half = ratio(ours["mean_ms"], policies[better_oracle(policies)]["mean_ms"])
            found.append((f"regret/{name}", value, half, f"≤ {limit} × the better oracle's mean", value <= limit))
        if scenario.get("functions", {}).get("cold_ms", 250) > 100:
            value, half = ratio(ours["mean_ms"], policies["nearest"]["mean_ms"])
            found.append((f"mean/{name}", value, half, "≤ 0.8 × nearest's mean", value <= 0.8))
        if steady:
            for other in ("nearest", "two-choices"):
                value, half = ratio(policies[other]["band_cold_share"], ours["band_cold_share"])
                found.append((f"band-cold/{name}/{other}", value, half, f"{other} has ≥ 3 × the cold starts", value >= 3))
        best = min(BASELINES, key=lambda each: statistics.mean(policies[each]["p99_ms"]))
        value, half = ratio(ours["p99_ms"], policies[best]["p99_ms"])
        found.append((f"p99/{name}", value, half, f"≤ 1.05 × the best baseline's p99 ({best})", value <= 1.05))
        if any(fault["kind"] in ("down", "partition") for fault in scenario.get("fault", [])):
            value = max(ours["left_failed_ms"])
            found.append((f"left/{name}", value, math.nan, "≤ 1000 ms, worst seed", value <= 1000))
    return found
