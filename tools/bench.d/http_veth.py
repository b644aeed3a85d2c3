"""HTTP through a kernel's client and one veth pair: skerryd beside nginx, nginx in front of a process, and workerd, each
in a network namespace of its own, everything of a server on SERVER_CPU, wrk on CLIENT_CPU, in turns."""
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import footprint
import others
import peers
from programs import BenchError

TOOLS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS / "lab.d"))

import network  # noqa: E402
import run  # noqa: E402

ROUNDS = 3
PORT = 8080
CONFIG = """role = "pop"
name = "bench"
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
[dataplane]
memory = "no-huge"
memory_mib = 128
cpus = [{cpu}]
idle = "{idle}"
[http]
require_signature = {signed}
[workers]
first_uid = 350000
max = 8
standby_nodejs = 0
[[port]]
devargs = "{devargs}"
addresses = ["10.79.0.2/24"]
{more}
"""


# As the operator's guide has it for an interface of the kernel's that skerryd is given.
DROP = 'add table netdev skerry; add chain netdev skerry in { type filter hook ingress device "dp0" priority -500; policy drop; }'


class Wires:
    """Three namespaces: `client` has a veth pair to `ours`, whose end has no address in the kernel, and one to `peer`."""

    def __init__(self):
        self.name = f"skb{os.getpid() % 0xFFFFFF:x}"

    def namespace(self, node):
        return f"{self.name}-{node}"

    def __enter__(self):
        try:
            for node in ("client", "ours", "peer"):
                run.command("ip", "netns", "add", self.namespace(node))
                run.command("ip", "-n", self.namespace(node), "link", "set", "lo", "up")
            client = self.namespace("client")
            network.wire(self.namespace("ours"), "dp0", client, "to-ours")
            network.address(client, "to-ours", "10.79.0.1/24")
            run.in_namespace(self.namespace("ours"), "nft", DROP)
            # The kernel on both sides: with all that veth offers, as it is used.
            run.command("ip", "link", "add", "dp0", "netns", self.namespace("peer"), "type", "veth", "peer", "name", "to-peer",
                        "netns", client)
            for node, name, address in (("peer", "dp0", "10.79.1.2/24"), ("client", "to-peer", "10.79.1.1/24")):
                run.command("ip", "-n", self.namespace(node), "link", "set", name, "up")
                network.address(self.namespace(node), name, address)
            for node in ("client", "peer"):  # for the row with a connection for each request
                run.in_namespace(self.namespace(node), "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535",
                                 "net.ipv4.tcp_tw_reuse=1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in ("client", "ours", "peer"):
            with contextlib.suppress(run.LabError):
                network.end_processes(self.namespace(node))
                run.command("ip", "netns", "delete", self.namespace(node))


class Skerryd:
    """`keys`: access keys, as the configuration has them; then invocations must be signed."""

    def __init__(self, build, wires, idle="sleep", devargs="net_af_packet0,iface=dp0,qpairs=1", keys=""):
        self.build, self.wires, self.idle, self.devargs, self.keys = build, wires, idle, devargs, keys
        self.url = f"http://10.79.0.2:{PORT}"

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="skerry-bench-")))
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir(mode=0o755)
        config = self.folder / "skerryd.toml"
        config.write_text(CONFIG.format(folder=self.folder, cpu=peers.SERVER_CPU, idle=self.idle, devargs=self.devargs,
                                        signed="true" if self.keys else "false", more=self.keys))
        run.spawn(self.folder / "pid", self.folder / "log", self.wires.namespace("ours"), "taskset", "-c", peers.SERVER_CPU,
                  self.build / "control/controller/skerryd", "--config", config)
        self.stack.callback(run.end, self.folder / "pid")
        try:
            peers.wait_for(self.url + "/healthz", self.wires.namespace("client"), "skerryd")
        except BenchError as error:
            self.stack.close()
            raise BenchError(f"{error}: {(self.folder / 'log').read_text()[-2000:]}") from error
        return self

    def __exit__(self, *_):
        self.stack.close()

    @property
    def pid(self):
        return run.recorded(self.folder / "pid")

    def deploy(self, name, function, *options):
        with tempfile.TemporaryDirectory() as artifact:
            target = pathlib.Path(artifact) / "bootstrap"
            target.write_bytes((self.build / "tools/functions" / function / "bootstrap").read_bytes())
            target.chmod(0o755)
            words = [self.build / "tools/skerryctl/skerryctl", "function", "deploy", name, "--artifact", artifact, "--place", "pop",
                     *(options or ("--warm-min", "1", "--warm-max", "1"))]
            done = subprocess.run([*map(str, words)], text=True, capture_output=True, check=False,
                                  env=dict(os.environ, SKERRY_ADMIN=str(self.folder / "admin.sock")))
        if done.returncode != 0:
            raise BenchError(f"deploy {name}: {done.stderr.strip()}")
        url = f"{self.url}/2015-03-31/functions/{name}/invocations"
        if not self.keys:
            peers.wait_for(url, self.wires.namespace("client"), name)
        return url


# Of an executed request: function → beside whom, and how many times as fast it is to be.
BESIDE = {"process": 2.0, "workerd": 4.0}
FUNCTIONS = {"echo-16": ("echo16", "--concurrency", "16", "--warm-min", "1", "--warm-max", "1"), "echo-1": ("echo",)}
NAMES = {"process": "nginx → Unix socket → C process", "static": "nginx, return 200", "workerd": "workerd"}
MISSING = {"process": "apt-get install nginx-light", "static": "apt-get install nginx-light",
           "workerd": "npm install --prefix BUILD/npm/workerd workerd"}
WITHOUT_WORKER = ("health", "static")


def subjects(stack, bench, wires):
    """Ours, and the URL of everything that is measured, by name; what is not installed is not among them."""
    client, peer = wires.namespace("client"), wires.namespace("peer")
    ours = stack.enter_context(Skerryd(bench.build, wires))
    urls = {"health": ours.url + "/healthz"}
    urls |= {name: ours.deploy(name, *words) for name, words in FUNCTIONS.items()}
    if peers.nginx_program():
        nginx = stack.enter_context(peers.nginx(bench.build, "10.79.1.2:8081", peer, client))
        urls |= {"static": nginx + "/static", "process": nginx + peers.ECHO}
    program = others.workerd(bench.build)
    if program:
        urls["workerd"] = stack.enter_context(peers.workerd(program, "10.79.1.2:8082", peer, client)) + peers.ECHO
    return ours, urls


def in_turns(bench, wires, urls):
    """(name, connections, closing) → the medians of its runs."""
    wanted = [(name, 64, False) for name in urls] + [(name, 1, False) for name in urls if name not in WITHOUT_WORKER]
    wanted += [(name, 64, True) for name in urls if name in WITHOUT_WORKER]
    runs = {each: [] for each in wanted}
    for _ in range(ROUNDS):
        for name, connections, closing in wanted:
            body = None if name in WITHOUT_WORKER else peers.BODY
            runs[name, connections, closing].append(
                peers.wrk(urls[name], connections, bench.seconds, wires.namespace("client"), body, closing))
    return {each: {key: statistics.median(run[key] for run in done) for key in done[0]} for each, done in runs.items()}


def beside(found, row, name, ours, theirs, figures):
    """One row for each (what, unit, connections, closing, goal, whether it is met)."""
    made = []
    for what, unit, connections, closing, goal, meets in figures:
        value = found[ours, connections, closing][what]
        other = found.get((theirs, connections, closing))
        if other is None:
            made.append(row(f"{name}/{what}-{connections}", value, unit, None, f"missing: {MISSING[theirs]}"))
        else:
            made.append(row(f"{name}/{what}-{connections}", value, unit, {"name": NAMES[theirs], "value": other[what]}, goal, meets))
    return made


def compared(found, row):
    made = []
    for ours in FUNCTIONS:
        for theirs, factor in BESIDE.items():
            made += beside(found, row, f"http/{ours}/{theirs}", ours, theirs, [
                ("per_s", "requests/s", 64, False, f"ratio ≥ {factor:g}", lambda _, ratio, factor=factor: ratio >= factor),
                ("p99_us", "µs", 64, False, "ratio < 1", lambda _, ratio: ratio < 1),
                ("p50_us", "µs", 1, False, "ratio ≤ 1.2", lambda _, ratio: ratio <= 1.2)])
    for name, closing in (("health", False), ("connections", True)):
        made += beside(found, row, f"http/{name}/static", "health", "static", [
            ("per_s", "requests/s", 64, closing, "ratio ≥ 1", lambda _, ratio: ratio >= 1),
            ("p99_us", "µs", 64, closing, None, None)])
    return made


def rows(bench, row):
    with contextlib.ExitStack() as stack:
        wires = stack.enter_context(Wires())
        ours, urls = subjects(stack, bench, wires)
        found = in_turns(bench, wires, urls)
        idle = footprint.idle_share(ours.pid)
    return [*compared(found, row), row("http/idle-cpu", idle, "% of a core", None, "≤ 2 %", lambda value, _: value <= 2)]
