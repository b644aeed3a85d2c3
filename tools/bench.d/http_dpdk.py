"""HTTP with no kernel on either side: skerryd and our own client (`skerry-load http`) are two processes with a memif between
them, the server with its workers on SERVER_CPU, the client on CLIENT_CPU. nginx beside it is asked by wrk over loopback,
which is what people have without a second machine."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import peers
from programs import BenchError

ROUNDS = 3
IDLE = 100_000
FLOOD_PPS = 1_000_000
SERVER = "10.79.0.1"
ECHO = "/2015-03-31/functions/echo16/invocations"
CONFIG = """role = "pop"
name = "bench"
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
[dataplane]
memory = "no-huge"
memory_mib = 256
mbufs = 32767
idle = "sleep"
cpus = [{cpu}]
[http]
connections = 131072
require_signature = false
[workers]
first_uid = 360000
max = 8
standby_nodejs = 0
[[port]]
devargs = "net_memif0,role=server,id=0,socket={folder}/memif,socket-abstract=no"
addresses = ["{server}/16"]
"""


class Pop:
    """A skerryd on its own end of a memif; load() is whoever comes to the other end."""

    config = CONFIG
    client_port = "net_memif0,role=client,id=0,socket={folder}/memif,socket-abstract=no"
    spins = ("--spin",)

    def __init__(self, build):
        self.build, self.runs = build, 0

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="skerry-bench-")))
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir(mode=0o755)
        config = self.folder / "skerryd.toml"
        config.write_text(self.config.format(folder=self.folder, cpu=peers.SERVER_CPU, server=SERVER))
        self.before()
        self.stack.enter_context(peers.running(None, [self.build / "control/controller/skerryd", "--config", config],
                                               self.folder / "log"))
        try:
            peers.wait_until(lambda: " is up" in (self.folder / "log").read_text(), "skerryd")
            self.deploy()
        except BenchError as error:
            said = (self.folder / "log").read_text()[-1000:]
            self.stack.close()
            raise BenchError(f"{error}: {said}") from error
        return self

    def __exit__(self, *_):
        self.stack.close()

    def before(self):
        """What has to be there before skerryd starts: nothing."""

    def deploy(self, name="echo16", *options):
        """echo16, one worker that answers sixteen at once; or another."""
        options = options or ("--concurrency", "16", "--warm-min", "1", "--warm-max", "1")
        artifact = self.folder / "artifact"
        artifact.mkdir()
        (artifact / "bootstrap").write_bytes((self.build / f"tools/functions/{name}/bootstrap").read_bytes())
        (artifact / "bootstrap").chmod(0o755)
        words = [self.build / "tools/skerryctl/skerryctl", "function", "deploy", name, "--artifact", artifact, "--place", "pop",
                 *options]
        done = subprocess.run([*map(str, words)], text=True, capture_output=True, check=False,
                              env=dict(os.environ, SKERRY_ADMIN=str(self.folder / "admin.sock")))
        if done.returncode != 0:
            raise BenchError(f"deploy {name}: {done.stderr.strip()}")

    def load(self, path, seconds, *more):
        """One run of skerry-load; the report. From an address of its own, so that no connection meets an earlier one."""
        self.runs += 1
        words = [self.build / "tools/load/skerry-load", "http", f"http://{SERVER}:8080{path}", "--port",
                 self.client_port.format(folder=self.folder), "--address", f"10.79.{self.runs}.1/16", *self.spins,
                 "--quiet", "--json", "--warm-up", "0.5", "--duration", seconds, *more]
        if path == ECHO:
            words += ["--body", peers.BODY]
        done = subprocess.run(peers.within(None, words, peers.CLIENT_CPU), text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.returncode}")
        report = json.loads(done.stdout)
        wrong = {key: report[key] for key in ("malformed", "unasked", "timed_out") if report[key] != 0}
        if wrong or list(report["status"]) != ["200"]:
            raise BenchError(f"{path}: not all answers were good: {wrong}, {report['status']}")
        time.sleep(0.2)
        return report


# name → path, further words
RUNS = {
    "static": ("/healthz", ()),
    "executed": (ECHO, ()),
    "connections": ("/healthz", ("--requests-each", "1")),
    "static/idle": ("/healthz", ("--idle", IDLE, "--idle-rate", "50000")),
    "executed/idle": (ECHO, ("--idle", IDLE, "--idle-rate", "50000")),
    "static/flood": ("/healthz", ("--flood-rate", FLOOD_PPS)),
    "executed/flood": (ECHO, ("--flood-rate", FLOOD_PPS)),
}
# ours → what nginx does for it: name, path, body, a connection for each request, goal, how many times as fast
BESIDE = {
    "static": ("nginx, return 200, wrk over loopback", "/static", None, False, 5),
    "executed": ("nginx → Unix socket → C process, wrk over loopback", peers.ECHO, peers.BODY, False, 5),
    "connections": ("nginx, return 200, wrk over loopback", "/static", None, True, 1),
}


def measured(bench, pop, nginx):
    """name → its runs, in turns; those of nginx under ("nginx", name)."""
    runs = {}
    for _ in range(ROUNDS):
        for name, (path, more) in RUNS.items():
            report = pop.load(path, bench.seconds, *more)
            if "--idle" in more and report["idle"] != {"held": IDLE, "lost": 0}:
                raise BenchError(f"idle connections: {report['idle']}")
            runs.setdefault(name, []).append(report)
            if name in BESIDE and nginx is not None:
                _, url, body, close, _ = BESIDE[name]
                runs.setdefault(("nginx", name), []).append(peers.wrk(nginx + url, 64, bench.seconds, None, body, close))
    return runs


def rows(bench, row):
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(peers.nginx(bench.build)) if peers.nginx_program() else None
        pop = stack.enter_context(Pop(bench.build))
        runs = measured(bench, pop, nginx)

    def median(name, value):
        return statistics.median(value(each) for each in runs[name])

    def per_s(name):
        return median(name, lambda report: report["answered_per_s"])

    made = []
    for name, (what, _, _, _, factor) in BESIDE.items():
        unit = "connections/s" if name == "connections" else "requests/s"
        if nginx is None:
            made.append(row(f"http/memif/{name}", per_s(name), unit, None, "missing: apt-get install nginx-light"))
            continue
        baseline = {"name": what, "value": median(("nginx", name), lambda found: found["per_s"])}
        made.append(row(f"http/memif/{name}", per_s(name), unit, baseline, f"ratio ≥ {factor}",
                        lambda _, ratio, factor=factor: ratio >= factor))
    for name in ("static", "executed"):
        baseline = {"name": f"http/memif/{name}", "value": per_s(name)}
        made.append(row(f"http/memif/{name}/100000-idle", per_s(f"{name}/idle"), "requests/s", baseline, "ratio ≥ 0.9",
                        lambda _, ratio: ratio >= 0.9))
        pps = median(f"{name}/flood", lambda report: report["flood"]["sent_per_s"])
        made.append(row(f"http/memif/{name}/syn-flood", per_s(f"{name}/flood"), "requests/s", baseline, "ratio ≥ 0.8",
                        lambda _, ratio: ratio >= 0.8))
        made.append(row(f"http/memif/{name}/syn-flood/sent", pps, "SYN/s", None, f"≥ 0.95 × {FLOOD_PPS:.0e}",
                        lambda value, _: value >= 0.95 * FLOOD_PPS))
        made.append(row(f"http/memif/{name}/p99_us", median(name, lambda report: report["latency_us"]["ok"]["p99"]), "µs"))
    return made
