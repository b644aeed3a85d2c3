"""New workers as a client sees them, and many that wait: a POP of the lab, its own functions, an ordinary client."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import footprint
from programs import BenchError

TOOLS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS / "demo.d"), str(TOOLS / "lab.d")]

from client import COLD, OK, Client  # noqa: E402
from plan import Plan  # noqa: E402

COLD_STARTS = 21
CLEAN = {"PATH": "/usr/bin:/bin"}  # of what is started beside ours: NODE_EXTRA_CA_CERTS alone costs node 30 ms
PLAIN = {  # what people would start instead, beside ours
    "native": ("true", ["/bin/true"]),
    "python3": ("python3 -c pass", ["/usr/bin/python3", "-c", "pass"]),
    "nodejs": ("node -e 0", ["node", "-e", "0"]),
}
FUNCTIONS = {"native": ("echo", ()), "python3": ("greet-python", ("--runtime", "python3", "--handler", "app.greet")),
             "nodejs": ("greet-nodejs", ("--runtime", "nodejs", "--handler", "app.greet"))}
# name → runtime, options, goal, and whether it is met (value in ms, ratio to the plain start)
ROWS = {
    "native/fresh": ("native", ("--no-templates",), None, None),
    "native/copy": ("native", (), "p50 ≤ 1 ms", lambda value, ratio: value <= 1),
    "python3/fresh": ("python3", ("--no-templates",), None, None),
    "python3/copy": ("python3", (), "p50 ≤ 5 ms", lambda value, ratio: value <= 5),
    # A setting that Node.js looks at when it starts: such workers do not come from those that stand by.
    "nodejs/fresh": ("nodejs", ("--env", "UV_THREADPOOL_SIZE=4"), None, None),
    "nodejs/standby": ("nodejs", (), "ratio ≤ 0.2", lambda value, ratio: ratio <= 0.2),
}


# Goals from the decision to start a worker to its first answer: measured by the server, and beside it by the client.
DECISION = ("p50 ≤ 1 ms", "p50 ≤ 5 ms")


class Pop:
    def __init__(self, build, *settings):
        self.build, self.plan = build, Plan("w" + format(os.getpid() % 0xFFFFFF, "x"), build)
        self.settings = settings

    def __enter__(self):
        footprint.lab("up", self.plan.name, self.build, "--regions", "1", "--quiet",
                      *(word for each in self.settings for word in ("--set", each)))
        status = json.loads(footprint.lab("status", self.plan.name, self.build, "--json"))
        self.pid = status["nodes"]["pop"]["pid"]
        self.client = Client(self.plan.namespace("client"), (self.plan.address("pop"), 4600))
        return self

    def __exit__(self, *_):
        self.client.close()
        footprint.lab("down", self.plan.name, self.build)

    def deploy(self, name, kind, *options):
        folder, words = FUNCTIONS[kind]
        built = self.build / "tools/functions" / folder
        with contextlib.ExitStack() as stack:
            artifact = TOOLS / "functions" / folder
            if built.is_dir():  # a bootstrap and its objects: only the first is the artifact
                artifact = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
                (artifact / "bootstrap").write_bytes((built / "bootstrap").read_bytes())
                (artifact / "bootstrap").chmod(0o755)
            footprint.lab("exec", self.plan.name, self.build, "pop", str(self.build / "tools/skerryctl/skerryctl"),
                          "function", "deploy", name, "--artifact", str(artifact), "--place", "pop", *words, *options)

    def ask(self, name):
        request = self.client.invoke(name, b'{"name": "Ada"}', deadline_ms=10000)
        if request.status != OK:
            raise BenchError(f"{name}: status {request.status}, {request.payload[:200]!r}")
        return request


def cold_ms(pop, name, kind, options):
    """Each request finds no worker: the one before had a worker of its own, which has ended."""
    pop.deploy(name, kind, "--single-use", *options)
    pop.ask(name)
    time.sleep(1)  # for the template, where there is one
    times = []
    while len(times) < COLD_STARTS:
        time.sleep(0.3)  # asked for more often, it would have a worker waiting
        request = pop.ask(name)
        if request.flags & COLD:
            times.append(request.latency_us / 1000)
    return statistics.median(times)


def decision_ms(pop, name):
    described = json.loads(footprint.lab("exec", pop.plan.name, pop.build, "pop",
                                         str(pop.build / "tools/skerryctl/skerryctl"), "function", "describe", name, "--json"))
    return described["versions"][0]["cold_start"]["phases"]["cold_answer"]["p50_us"] / 1000


def plain_ms(words):
    times = []
    for _ in range(COLD_STARTS):
        started = time.monotonic()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=CLEAN)
        times.append((time.monotonic() - started) * 1000)
    return statistics.median(times)


def first_answers(bench, row):
    rows = []
    with Pop(bench.build) as pop:
        for number, (name, (kind, options, goal, meets)) in enumerate(ROWS.items()):
            value = cold_ms(pop, f"cold{number}", kind, options)
            what, words = PLAIN[kind]
            rows.append(row(f"workers/cold/{name}", value, "ms", {"name": what, "value": plain_ms(words)}, goal, meets))
            if goal in DECISION:  # of the same starts, as the server has measured them
                rows.append(row(f"workers/decision/{name}", decision_ms(pop, f"cold{number}"), "ms", None, goal, meets))
        pop.deploy("warm", "native", "--warm-min", "1")
        warm = statistics.median(pop.ask("warm").latency_us for _ in range(300)) / 1000
        rows.append(row("workers/warm/native", warm, "ms"))
    return rows


def private_kib(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))


def workers_of(pop):
    named = []
    for pid in footprint.children(footprint.children(pop)[0]):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "bootstrap":
                named.append(pid)
    return named


def latency_us(pop):
    return statistics.median(pop.ask("f0").latency_us for _ in range(2000))


def many(bench, row):
    """A thousand idle workers of a hundred functions: what each costs, and what they cost the others."""
    with Pop(bench.build, "workers_max=1020") as pop:
        pop.deploy("f0", "native", "--warm-min", "10", "--warm-max", "10")
        few = latency_us(pop)
        for number in range(1, 100):
            pop.deploy(f"f{number}", "native", "--warm-min", "10", "--warm-max", "10")
        limit = time.monotonic() + 60
        while len(workers_of(pop.pid)) < 1000 and time.monotonic() < limit:
            time.sleep(0.2)
        found = workers_of(pop.pid)
        if len(found) < 1000:
            raise BenchError(f"only {len(found)} of 1000 workers came")
        return [
            row("workers/1000/latency", latency_us(pop), "us", {"name": "the same with 10 workers", "value": few},
                "ratio ≤ 1.2", lambda value, ratio: ratio <= 1.2),
            row("workers/1000/private-memory", statistics.median(map(private_kib, found)) / 1024, "MiB", None, "≤ 1 MiB",
                lambda value, ratio: value <= 1),
        ]


def rows(bench, row):
    return first_answers(bench, row) + many(bench, row)
