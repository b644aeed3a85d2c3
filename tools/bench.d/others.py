"""A cold start beside what people start instead: an ordinary process, the same in bubblewrap with as many namespaces,
workerd. What is missing here is named in the row, and not installed."""
import contextlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import workers
from client import COLD
from programs import BenchError

STARTS = 21
PATIENCE_S = 20
NODE = shutil.which("node") or "/usr/bin/node"
# What a jail has, as far as bwrap has it: all namespaces, a root of its own that is read-only, a private /tmp.
BWRAP = ["bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup",
         "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv",
         "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--"]
PLAIN = {"native": ["/usr/bin/true"], "python3": ["/usr/bin/python3", "-c", "pass"], "nodejs": [NODE, "-e", "0"]}
WORKERD = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [(name = "main", esModule = "export default {{ async fetch() {{ return new Response('Hello') }} }}")],
  compatibilityDate = "2024-01-01"
);
"""


def run_ms(words):
    """From its start until it has run."""
    started = time.monotonic()
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=workers.CLEAN)
    return (time.monotonic() - started) * 1000


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reply_ms(program, folder):
    """From workerd's start until it has answered a request."""
    port = free_port()
    config = pathlib.Path(folder) / "config.capnp"
    config.write_text(WORKERD.format(port=port))
    started = time.monotonic()
    with subprocess.Popen([program, "serve", str(config)], env=workers.CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            while time.monotonic() < started + PATIENCE_S:
                with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if client.recv(4096).startswith(b"HTTP/1.1 200 "):
                        return (time.monotonic() - started) * 1000
                time.sleep(0.0005)
        finally:
            process.kill()
    raise BenchError("workerd did not answer")


def workerd(build):
    """Its program; None: it is not here."""
    beside = build / "npm/workerd/node_modules/workerd/bin/workerd"
    return os.environ.get("WORKERD") or shutil.which("workerd") or (str(beside) if beside.exists() else None)


def others(build, kind, folder):
    """name → what starts it once and tells milliseconds, or what to do to have it."""
    words = PLAIN[kind]
    found = {words[0].rsplit("/", 1)[1]: lambda: run_ms(words),
             "bwrap": (lambda: run_ms([*BWRAP, *words])) if shutil.which("bwrap") else "apt-get install bubblewrap"}
    if kind == "nodejs":
        program = workerd(build)
        found["workerd"] = (lambda: reply_ms(program, folder)) if program \
            else f"npm install --prefix {build}/npm/workerd workerd"
    return found


def in_turns(pop, kind, starts):
    """Milliseconds of each, ours under "": from a request that finds no worker to its answer."""
    pop.deploy(f"cold-{kind}", kind, "--single-use")
    pop.ask(f"cold-{kind}")
    time.sleep(1)  # for the template, where there is one
    times = {name: [] for name in ("", *starts)}
    while len(times[""]) < STARTS:
        time.sleep(0.3)  # asked for more often, it would have a worker waiting
        request = pop.ask(f"cold-{kind}")
        if request.flags & COLD:
            times[""].append(request.latency_us / 1000)
        for name, start in starts.items():
            times[name].append(start())
    return {name: statistics.median(each) for name, each in times.items()}


def rows(bench, row):
    made = []
    with workers.Pop(bench.build) as pop, tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        for kind in PLAIN:
            found = others(bench.build, kind, folder)
            times = in_turns(pop, kind, {name: start for name, start in found.items() if callable(start)})
            for name, start in found.items():
                baseline = {"name": name, "value": times[name]} if callable(start) else None
                made.append(row(f"others/{kind}/{name}", times[""], "ms", baseline, None if baseline else f"missing: {start}"))
    return made
