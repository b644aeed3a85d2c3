"""What Skerry does on this machine, each figure beside a baseline measured in the same run.

  tools/bench [packet-path] [dispatch] [objects] [jail] [warm] [workers] [others] [http]
              [footprint] [select] [api] [--json] [--seconds S]

A row's ratio is value/baseline; `meets` says whether it reaches its goal (null: it has none). Measured
in turns (ours, the baseline, ours, …), the median of three: machines are shared and noisy."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS / "bench.d"))
sys.dont_write_bytecode = True

import api  # noqa: E402
import attacker  # noqa: E402
import footprint  # noqa: E402
import http_dpdk  # noqa: E402
import http_merged  # noqa: E402
import http_veth  # noqa: E402
import others  # noqa: E402
import programs  # noqa: E402
import routed  # noqa: E402
import screened  # noqa: E402
import select_rows  # noqa: E402
import signatures  # noqa: E402
import workers  # noqa: E402

ROUNDS = 3
LINE_RATE_PPS = 14.88e6


def median_of_turns(ours, baseline):
    """Runs both in turns; the median of each, and what else the run of ours with that median said."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(ours())
        theirs.append(baseline())
    return mine, theirs


def row(name, value, unit, baseline=None, goal=None, meets=None):
    ratio = None if baseline is None or baseline["value"] == 0 else round(value / baseline["value"], 3)
    return {"name": name, "value": round(value, 3), "unit": unit, "baseline": baseline, "ratio": ratio, "goal": goal,
            "meets": meets(value, ratio) if meets else None}


def answered_per_s(measured):
    """A packet counts when it was answered as the benchmark means it; else the figure says nothing."""
    if measured["answered"] < 0.99 * measured["packets"]:
        raise programs.BenchError(f"of {measured['packets']} packets only {measured['answered']} were answered")
    return measured["packets_per_s"]


def packet_path(bench):
    rows = []
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        for kind in ("refusal", "replay"):
            capture = f"{folder}/{kind}.pcap"
            ours, theirs = median_of_turns(
                lambda kind=kind, capture=capture: answered_per_s(bench.path(kind, capture)),
                lambda capture=capture: bench.testpmd(capture))
            baseline = {"name": "dpdk-testpmd 5tswap, same packets, same port", "value": statistics.median(theirs)}
            rows.append(row(f"packet-path/{kind}/net_pcap", statistics.median(ours), "packets/s", baseline,
                            "ratio ≥ 0.5", lambda value, ratio: ratio >= 0.5))
            rows.append(row(f"packet-path/{kind}/line-rate", statistics.median(ours), "packets/s",
                            {"name": "10 GbE line rate, 64-byte frames", "value": LINE_RATE_PPS},
                            "≥ 14.88 Mpps", lambda value, ratio: value >= LINE_RATE_PPS))
            ours, theirs = median_of_turns(
                lambda kind=kind, capture=capture: answered_per_s(bench.path_over_memif(kind, capture)),
                lambda capture=capture: bench.testpmd_over_memif(capture))
            baseline = {"name": "dpdk-testpmd 5tswap, same packets, same memif", "value": statistics.median(theirs)}
            rows.append(row(f"packet-path/{kind}/net_memif", statistics.median(ours), "packets/s", baseline,
                            "ratio ≥ 0.5", lambda value, ratio: ratio >= 0.5))
    return rows


def dispatch(bench):
    rows = []
    # Workers sleep as they do by default; then they spin, as on a server that has cores for them.
    for spin_us in (0, 50):
        for concurrency in (1, 16):
            rows += dispatch_rows(bench, concurrency, spin_us)
    return rows


def dispatch_rows(bench, concurrency, spin_us):
    words = ["--concurrency", str(concurrency), "--spin-us", str(spin_us)]
    ours, theirs = median_of_turns(lambda: bench.dispatch(*words), lambda: bench.dispatch("--ping-pong", *words))
    name = f"dispatch/{'sleeping' if spin_us == 0 else 'spinning'}-{concurrency}"

    def figure(key, unit, goal=None, meets=None):
        baseline = {"name": f"two processes, ping-pong over the same mechanism, {concurrency} at once",
                    "value": statistics.median(each[key] for each in theirs)}
        return row(f"{name}/{key}", statistics.median(each[key] for each in ours), unit, baseline, goal, meets)

    rows = []
    if concurrency == 1:
        rows += [figure(key, "µs", "ratio ≤ 1.5", lambda value, ratio: ratio <= 1.5) for key in ("p50_us", "p99_us")]
        rows.append(figure("per_s", "invocations/s"))
    elif spin_us != 0:
        rows.append(figure("per_s", "invocations/s", "≥ 1 M", lambda value, ratio: value >= 1e6))
    else:
        rows.append(figure("per_s", "invocations/s"))
    return rows


def objects(bench):
    """Each lock-free object beside the same work under a mutex."""
    found = bench.objects()
    rows = []
    for name, ns in found.items():
        kind, _, threads = name.partition("/threads:")
        if kind.endswith("_mutex"):
            continue
        other = f"{kind}_mutex/threads:{threads}"
        baseline = {"name": "a mutex instead", "value": found[other]} if other in found else None
        rows.append(row(f"objects/{kind}" + (f"/threads-{threads}" if threads else ""), ns, "ns", baseline))
    return rows


def jail(bench):
    """A worker's start, in turns with the bare process inside the program that measures."""
    rows = []
    for name, ready_jails, goal in (("fresh", 4, 2), ("fresh/none-ready", 0, None)):
        found = bench.start("--ready-jails", str(ready_jails))
        baseline = {"name": "bare clone with all namespaces, filter, exec and exit", "value": found["bare_p50_us"]}
        rows.append(row(f"jail/{name}", found["ready_p50_us"], "us", baseline, goal and f"ratio ≤ {goal}",
                        goal and (lambda value, ratio, goal=goal: ratio <= goal)))
        for part in ("namespaces", "mounts", "identity", "exec"):
            rows.append(row(f"jail/{name}/{part}", found[f"{part}_p50_us"], "us"))
    return rows


def warm(bench):
    """Warm invocations of one program, in a jail and as an ordinary process, in turns inside the program that measures."""
    rows = []
    for name, words in bench.warm_functions():
        runs = [bench.warm(*words) for _ in range(ROUNDS)]
        found = sorted(runs, key=lambda each: each["jailed_p50_us"] / each["unjailed_p50_us"])[ROUNDS // 2]
        baseline = {"name": "the same program without a jail", "value": found["unjailed_p50_us"]}
        rows.append(row(f"warm/{name}", found["jailed_p50_us"], "us", baseline, "ratio ≤ 1.1",
                        lambda value, ratio: ratio <= 1.1))
    return rows


BENCHES = {"packet-path": packet_path, "dispatch": dispatch, "objects": objects, "jail": jail, "warm": warm,
           "workers": lambda bench: workers.rows(bench, row), "others": lambda bench: others.rows(bench, row),
           "http": lambda bench: http_veth.rows(bench, row) + http_dpdk.rows(bench, row) + http_merged.rows(bench, row),
           "footprint": lambda bench: footprint.rows(bench, row),
           "select": lambda bench: select_rows.rows(bench, row),
           "api": lambda bench: api.rows(bench, row) + routed.rows(bench, row) + screened.rows(bench, row) + signatures.rows(bench, row) +
           attacker.rows(bench, row)}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2)}


def table(rows):
    for each in rows:
        baseline = f"{each['baseline']['value']:>14,.2f}  ×{each['ratio']:<8}" if each["baseline"] else " " * 25
        verdict = {True: "meets", False: "MISSES", None: ""}[each["meets"]]
        print(f"{each['name']:38} {each['value']:>14,.2f} {each['unit']:14} {baseline} {each['goal'] or '':14} {verdict}")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help=", ".join(BENCHES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--build", type=pathlib.Path, default=TOOLS.parent / "build")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.name if name not in BENCHES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHES)}")
    if os.geteuid() != 0:
        parser.error("needs root (network namespaces, DPDK)")
    if subprocess.run([str(TOOLS / "build"), str(arguments.build)], check=False).returncode != 0:
        return 1
    names = arguments.name or list(BENCHES)
    if not {"warm", "workers", "others"}.isdisjoint(names) and subprocess.run(
            [str(TOOLS / "runtime-images"), str(arguments.build / "runtimes")], check=False).returncode != 0:
        return 1
    bench = programs.Programs(arguments.build.resolve(), arguments.seconds)
    found = machine()
    rows = []
    for name in names:
        rows += BENCHES[name](bench)
    if arguments.json:
        print(json.dumps({"machine": found, "rows": rows}, ensure_ascii=False))
    else:
        print(f"{found['cpu']}, {found['cores']} cores, Linux {found['kernel']}, load {found['load_before']}")
        table(rows)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except programs.BenchError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        sys.exit(1)
