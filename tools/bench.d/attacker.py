"""What honest clients get while one source asks for ten times as much as there is: skerryd with a memif to each of two of our own
clients, both on CLIENT_CPU. What there is are the slots of a function whose requests take a millisecond: that many requests
are possible a second, whatever the machine's CPUs can."""
import contextlib
import json
import os
import signal
import subprocess
import time

import http_dpdk
import peers
from programs import BenchError

ROUNDS = 3
TIMES = 10  # the capacity
SERVER, OTHER_SERVER = "10.79.0.1", "10.80.0.1"
WORK = "/2015-03-31/functions/work/invocations"
ORDER = "mode=sleep us=1000"
SOURCES = 16  # honest ones: together they ask for half of what there is
LIMITS = """[limits]
source_per_s = 1000
source_burst = 50
source_connections = 64
"""
PORT = """[[port]]
devargs = "net_memif1,role=server,id=1,socket={folder}/memif,socket-abstract=no"
addresses = ["10.80.0.1/16"]
"""


class Pop(http_dpdk.Pop):
    """A port for the honest, a port for the attacker."""
    config = http_dpdk.CONFIG + PORT

    def deploy(self):
        super().deploy("work", "--concurrency", "1", "--warm-min", "8", "--warm-max", "8")

    def words(self, port, kind):
        """How one of our clients begins, from an address that nobody had before."""
        self.runs += 1
        network = 79 + port
        self.server = f"10.{network}.0.1"
        begin = [self.build / "tools/load/skerry-load"]
        if kind == "http":
            begin += ["http", f"http://{self.server}:8080{WORK}", "--body", ORDER]
        else:
            begin += ["--pop", f"{self.server}:4600", "--function", "work", "--payload", ORDER]
        return [*begin, "--port", f"net_memif0,role=client,id={port},socket={self.folder}/memif,socket-abstract=no",
                "--address", f"10.{network}.{self.runs}.1/16", "--quiet", "--json"]

    def honest(self, seconds, connections, *more):
        """Requests that were executed, a second."""
        words = [*self.words(0, "http"), "--addresses", SOURCES, "--connections", connections, "--warm-up", "0.5",
                 "--duration", seconds, *more]
        done = subprocess.run(peers.within(None, words, peers.CLIENT_CPU), text=True, capture_output=True, check=False)
        if done.returncode not in (0, 3):
            raise BenchError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.returncode}")
        report = json.loads(done.stdout)
        time.sleep(0.3)
        return report["status"].get("200", 0) / report["seconds"]

    def reasons(self):
        done = subprocess.run([self.build / "tools/skerryctl/skerryctl", "--json", "stats"], text=True, capture_output=True,
                              check=True, env=dict(os.environ, SKERRY_ADMIN=str(self.folder / "admin.sock")))
        return {name: each["count"] for name, each in json.loads(done.stdout)["reasons"].items()}

    @contextlib.contextmanager
    def attacked(self, kind, rate):
        """While one source asks: before the honest begin, until they have ended. Yields what it was told, at the end."""
        words = {"requests": lambda: [*self.words(1, "http"), "--connections", "512", "--timeout-ms", "500"],
                 "connections": lambda: [*self.words(1, "http"), "--connections", "512", "--timeout-ms", "500", "--requests-each",
                                         "1"],
                 "datagrams": lambda: [*self.words(1, "datagrams"), "--deadline-ms", "500"]}[kind]()
        words += ["--addresses", "1"] if kind != "datagrams" else []
        words += ["--rate", rate, "--duration", "60"]
        found = {}
        with subprocess.Popen(peers.within(None, words, peers.CLIENT_CPU), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            try:
                time.sleep(0.7)
                before, began = self.reasons(), time.monotonic()
                yield found
                if process.poll() is not None:
                    raise BenchError(f"the attacker ended early: {process.stderr.read().strip()}")
                after = self.reasons()
                found["shed_per_s"] = (after["drop_source_shed"] - before["drop_source_shed"]) / (time.monotonic() - began)
                process.send_signal(signal.SIGINT)
                found["report"] = json.loads(process.communicate(timeout=20)[0] or "{}")
            finally:
                process.kill()


class Unlimited(Pop):
    pass


class Limited(Pop):
    config = http_dpdk.CONFIG + PORT + LIMITS


KINDS = ("requests", "connections", "datagrams")


def measured(pop, seconds, capacity, rounds):
    """kind → pairs of honest goodput without and with the attacker, in turns."""
    pairs, shed = {kind: [] for kind in KINDS}, {}
    for _ in range(rounds):
        for kind in KINDS:
            honest = ("--rate", round(capacity / 2))
            alone = pop.honest(seconds, 4 * SOURCES, *honest)
            with pop.attacked(kind, round(TIMES * capacity)) as found:
                beside = pop.honest(seconds, 4 * SOURCES, *honest)
            pairs[kind].append((beside, alone))
            shed[kind] = found["shed_per_s"]
            time.sleep(0.5)
    return pairs, shed


def rows(bench, row):
    made = []
    with Unlimited(bench.build) as pop:
        capacity = pop.honest(bench.seconds, 2 * SOURCES)
        without, _ = measured(pop, bench.seconds, capacity, 1)
    with Limited(bench.build) as pop:
        pairs, shed = measured(pop, bench.seconds, capacity, ROUNDS)
    made.append(row("api/attacker/capacity", capacity, "requests/s"))
    for kind in KINDS:
        beside, alone = sorted(pairs[kind], key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
        made.append(row(f"api/attacker/{kind}", beside, "requests/s", {"name": "the honest without the attacker", "value": alone},
                        "ratio ≥ 0.95", lambda _, ratio: ratio >= 0.95))
        made.append(row(f"api/attacker/{kind}/shed", shed[kind], "frames/s"))
        beside, alone = without[kind][0]
        made.append(row(f"api/attacker/{kind}/no-limits", beside, "requests/s",
                        {"name": "the honest without the attacker", "value": alone}))
    return made
