"""A scenario with [workers] in the lab: real servers, configured as the scenario says, and the very requests that the simulator
would have. Nothing here knows what is expected of the results."""
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/lab.d"))
sys.dont_write_bytecode = True

from plan import Plan  # noqa: E402

IDLE_PATIENCE_S = 30


class LabError(Exception):
    """What went wrong."""


def load(path):
    """The scenario's tables. What a lab has no word for is refused, not left out."""
    scenario = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    for table in ("workers", "pops", "regions", "network", "functions"):
        if table not in scenario:
            raise LabError(f"{path}: found no [{table}]; a scenario for the lab says it")
    if scenario["pops"].get("count") != 1:
        raise LabError(f"{path}: found {scenario['pops'].get('count')} POPs; a lab has one")
    known = {"name", "about", "seconds", "warm_up_s", "requests_per_s", "workers", "pops", "regions", "network", "functions"}
    if set(scenario) - known:
        raise LabError(f"{path}: found {', '.join(sorted(set(scenario) - known))}; a lab has no such thing")
    for name in ("memory_sigma", "cold_sigma", "cold_noise"):
        if scenario["functions"].get(name) != 0:
            raise LabError(f"{path}: functions.{name} has to be 0: in a lab all are alike in that")
    return scenario


def arrivals(build, path, seed):
    done = subprocess.run([build / "tools/sim/skerry-sim", "arrivals", path, "--seed", str(seed)], text=True, capture_output=True,
                          check=False)
    if done.returncode != 0:
        raise LabError(done.stderr.strip())
    return list(csv.DictReader(done.stdout.splitlines()))


class Lab:
    """The lab of one scenario; `with` makes and ends it."""

    def __init__(self, build, scenario):
        self.build = build
        self.scenario = scenario
        self.plan = Plan(f"s{os.getpid() % 0xFFFFFF:x}", build, scenario["regions"]["count"], scenario["network"]["rtt_ms"][0])
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-in-lab-")
        self.path = pathlib.Path(self.folder.name)
        self.functions = [f"f{n + 1}" for n in range(scenario["functions"]["count"])]

    def lab(self, verb, *words):
        done = subprocess.run([sys.executable, ROOT / "tools/lab", verb, "--name", self.plan.name, "--build", self.build, *words],
                              text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise LabError(f"tools/lab {verb}: {done.stderr.strip()}")

    def settings(self):
        regions, pops = self.scenario["regions"], self.scenario["pops"]
        more = self.path / "more.toml"
        more.write_text(f"[admission]\npopular_per_s = {pops['popular_per_s']}\n"
                        f"rate_half_life_ms = {round(pops['half_life_s'] * 1000)}\n")
        return {"idle_timeout_ms": round(regions["keep_alive_s"] * 1000), "idle_max_ms": 0, "workers_max": regions["slots"],
                "pop_workers_max": pops["workers"], "probe_period_ms": regions["probe_ms"], "more": more,
                # A start is a whole one, each time.
                "standby_native": 0, "standby_python3": 0, "standby_nodejs": 0}

    def __enter__(self):
        words = [word for key, value in self.settings().items() for word in ("--set", f"{key}={value}")]
        try:
            self.lab("up", "--quiet", "--regions", str(len(self.plan.regions)), "--distances-ms",
                     ",".join(map(str, self.plan.distances_ms)), *words)
            self.deploy()
        except BaseException:
            self.lab("down")
            raise
        return self

    def __exit__(self, *_):
        self.lab("down")
        self.folder.cleanup()

    def ctl(self, node, *words):
        done = subprocess.run([self.build / "tools/skerryctl/skerryctl", "--json", "--admin", self.plan.admin_socket(node), *words],
                              text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise LabError(f"skerryctl {' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def deploy(self):
        given = self.scenario["functions"]
        artifact = self.path / "artifact"
        artifact.mkdir()
        bootstrap = artifact / "bootstrap"
        bootstrap.write_bytes((self.build / "tools/functions/work/bootstrap").read_bytes())
        bootstrap.chmod(0o755)
        for name in self.functions:
            self.ctl("pop", "function", "deploy", name, "--artifact", artifact, "--no-templates", "--env",
                     f"START_US={round(given['cold_ms'] * 1000)}", "--memory-mib", str(given["memory_mib"]), "--warm-max",
                     str(self.scenario["workers"]["per_function"]), "--timeout-ms", str(round(given["deadline_s"] * 1000)))

    def cold_ms(self):
        """What the functions' starts took, in the median: after deploying, one of each at every server."""
        return statistics.median(version["cold_start"]["phases"]["total"]["p50_us"] / 1000 for node in self.plan.servers
                                 for name in self.functions for version in self.ctl(node, "function", "describe", name)["versions"]
                                 if version["cold_start"]["starts"] != 0)

    def round_trips_ms(self):
        """As the POP measures them."""
        told = {each["name"]: each["rtt_us"] / 1000 for each in self.ctl("pop", "region", "list")["regions"]}
        return [told[region] for region in self.plan.regions]

    def wait_until_idle(self):
        """All cold, and what was popular forgotten."""
        limit = time.monotonic() + IDLE_PATIENCE_S
        while any(self.ctl(node, "status")["workers"] != 0 for node in self.plan.servers):
            if time.monotonic() > limit:
                raise LabError("workers did not end")
            time.sleep(0.2)
        time.sleep(self.scenario["pops"]["half_life_s"])

    def run(self, requests):
        """One CSV line, as a dict, of each request that was answered, and skerry-load's own report."""
        self.wait_until_idle()
        schedule, answers = self.path / "schedule", self.path / "answers.csv"
        schedule.write_text("".join(f"{each['at_us']} {each['function']} us={each['run_us']} mode=sleep\n" for each in requests))
        deadline_ms = round(self.scenario["functions"]["deadline_s"] * 1000)
        done = subprocess.run(["ip", "netns", "exec", self.plan.namespace("client"), self.build / "tools/load/skerry-load", "--pop",
                               self.plan.pop, "--replay", schedule, "--answers", answers, "--deadline-ms", str(deadline_ms),
                               "--quiet", "--json"], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise LabError(f"skerry-load: {done.returncode} {done.stderr.strip()}")
        with open(answers, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file)), json.loads(done.stdout)
