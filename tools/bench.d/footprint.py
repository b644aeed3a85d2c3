"""What an idle POP costs: memory of skerryd and of a warm worker, CPU in both idle modes."""
import json
import os
import pathlib
import subprocess
import sys
import time

from programs import BenchError

TOOLS = pathlib.Path(__file__).resolve().parents[1]
WATCH_S = 10


def lab(verb, name, build, *arguments):
    done = subprocess.run([sys.executable, str(TOOLS / "lab"), verb, "--name", name, "--build", str(build), *arguments],
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    return done.stdout


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    """Proportional set size: shared pages count for their share."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise BenchError(f"no Pss of {pid}")


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def idle_share(pid):
    before, started = cpu_seconds(pid), time.monotonic()
    time.sleep(WATCH_S)
    return (cpu_seconds(pid) - before) / (time.monotonic() - started) * 100


def measure(bench, idle, deploy):
    name = "b" + format(os.getpid() % 0xFFFFFF, "x")
    lab("up", name, bench.build, "--regions", "1", "--set", f"idle={idle}", "--quiet")
    try:
        status = json.loads(lab("status", name, bench.build, "--json"))
        pop = status["nodes"]["pop"]["pid"]
        worker = None
        if deploy:
            lab("exec", name, bench.build, "pop", str(bench.build / "tools/skerryctl/skerryctl"), "function", "deploy",
                "echo", "--artifact", str(bench.build / "tools/functions/echo"), "--warm-min", "4")
            time.sleep(1)
            warden = children(pop)[0]
            # Not the jails that wait for a worker.
            named = [pid for pid in children(warden)
                     if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "bootstrap"]
            worker = sum(map(pss_kib, named)) / len(named)
        return {"cpu_percent": idle_share(pop), "skerryd_kib": pss_kib(pop), "worker_kib": worker}
    finally:
        lab("down", name, bench.build)


def rows(bench, row):
    sleep = measure(bench, "sleep", True)
    spin = measure(bench, "spin", False)
    return [
        row("footprint/idle-cpu/sleep", sleep["cpu_percent"], "% of a core",
            {"name": "the same POP, idle = spin", "value": round(spin["cpu_percent"], 1)}, "≤ 2 %",
            lambda value, ratio: value <= 2),
        row("footprint/idle-cpu/spin", spin["cpu_percent"], "% of a core"),
        row("footprint/skerryd-memory", sleep["skerryd_kib"] / 1024, "MiB (PSS)"),
        row("footprint/warm-worker-memory", sleep["worker_kib"] / 1024, "MiB (PSS)"),
    ]
