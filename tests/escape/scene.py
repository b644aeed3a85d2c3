"""A real server with the escape function, its neighbour, and things on the host that must stay out of reach."""
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import socket
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import rig  # noqa: E402
import tap  # noqa: E402
from nodes import UnixConnection  # noqa: E402
from rig import status  # noqa: E402
from row import DIES, HANGS, LIES, Either  # noqa: E402

CLONE_NEWNET = 0x40000000
# Of the neighbour, while an attempt runs and after it. Two busy cores, and up to 64 processes that burn.
NEIGHBOUR_MOST_S = 1.0
TIMEOUT_MS = 1500
MEMORY_MIB = {"native": 64, "provided": 64, "python3": 128, "nodejs": 256}
HANDLERS = {"python3": "handler.py", "nodejs": "handler.js"}


@contextlib.contextmanager
def network_of(namespace):
    """This thread's network meanwhile: what is opened in it stays there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", encoding="ascii") as home, open(f"/run/netns/{namespace}", encoding="ascii") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


@contextlib.contextmanager
def egress():
    """An egress network for one address that nobody has, and the file that configures it."""
    name = f"ske{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(f'''
[[egress]]
name = "outside"
netns = "/run/netns/{name}"
subnet4 = "10.66.0.0/24"
subnet6 = "fd66::/64"
to = ["10.99.0.1/32", "fd99::1/128"]
''')
            file.flush()
            yield file.name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


class Scene:
    def __init__(self, lab, kind, options=()):
        self.lab, self.kind, self.options = lab, kind, options
        self.client = lab.client()
        self.listeners = []
        self.slowest_s = 0.0
        self.denied_before = {}
        self.abstract = f"skerry-escape-{lab.plan.name}"
        self.port = 0
        self.secret = pathlib.Path(lab.folder.name) / "secret"
        self.secret.write_text("a file of the host")
        self.secret.chmod(0o644)

    def artifact(self):
        """A folder with what is deployed; the managed kinds start the attempts as a child."""
        folder = pathlib.Path(self.lab.folder.name) / f"artifact-{self.kind}"
        folder.mkdir()
        program = folder / ("attempts" if self.kind in HANDLERS else "bootstrap")
        shutil.copy(self.lab.plan.build / "tests/escape/function/bootstrap", program)
        if self.kind in HANDLERS:
            source = pathlib.Path(__file__).parent / "function" / HANDLERS[self.kind]
            shutil.copy(source, folder / source.name)
        return folder

    def deploy(self):
        options = ["--place", "pop", "--warm-min", "1", "--warm-max", "1", "--memory-mib", str(MEMORY_MIB[self.kind]),
                   "--timeout-ms", str(TIMEOUT_MS), *self.options]
        if self.kind != "native":
            subprocess.run([rig.ROOT / "tools/runtime-images", self.lab.plan.build / "runtimes", self.kind], check=True)
            options += ["--runtime", self.kind]
        if self.kind in HANDLERS:
            options += ["--handler", f"{HANDLERS[self.kind].split('.')[0]}.handler"]
        self.lab.ctl("function", "deploy", "escape", "--artifact", self.artifact(), *options)
        self.lab.deploy("neighbour", "echo", "--place", "pop", "--warm-min", "1", "--warm-max", "1")
        self.listen()
        self.check_neighbour()

    def listen(self):
        """Services of the host, in its own network and in skerryd's: each would take a connection."""
        def open_all():
            tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            tcp.bind(("::", self.port))
            self.port = tcp.getsockname()[1]
            unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            unix.bind("\0" + self.abstract)
            for each in (tcp, unix):
                each.listen()
                each.setblocking(False)
                self.listeners.append(each)
        open_all()
        with network_of(self.lab.plan.namespace("pop")):
            open_all()

    def connections(self):
        """How many of the listeners somebody has reached."""
        reached = 0
        for each in self.listeners:
            with contextlib.suppress(BlockingIOError):
                each.accept()[0].close()
                reached += 1
        return reached

    def close(self):
        self.client.close()
        for each in self.listeners:
            each.close()

    def server_pids(self):
        found = self.lab.ctl("status")
        return [found["pid"], found["warden_pid"]]

    def denied_calls(self):
        """System call → how many workers it has ended."""
        connection = UnixConnection(self.lab.plan.admin_socket("pop"), 2)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        found = re.findall(r'^skerry_worker_denied_calls_total\{call="([^"]*)"\} (\d+)', text, re.M)
        return collections.Counter({name: int(count) for name, count in found})

    def worker_pids(self):
        """Processes of this server's workers: whoever runs as one of their users."""
        first = self.lab.plan.first_uid
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if first <= path.stat().st_uid < first + 100:
                    found.append(int(path.name))
        return found

    def check_neighbour(self, when="now"):
        token = secrets.token_bytes(24)
        started = time.monotonic()
        reply = self.client.invoke("neighbour", token, int(NEIGHBOUR_MOST_S * 1000))
        took_s = time.monotonic() - started
        self.slowest_s = max(self.slowest_s, took_s)
        assert (status(reply), reply.payload) == ("ok", token), f"the neighbour, {when}: {status(reply)} {reply.payload}"
        assert took_s <= NEIGHBOUR_MOST_S, f"the neighbour, {when}: {took_s:.3f} s"

    def ask(self, payload):
        """(status, answer) of the escape function; the neighbour is served all the while."""
        request = self.client.new_request()
        sent = json.dumps(payload) if self.kind in HANDLERS else payload
        self.client.begin(request, "escape", sent.encode(), 8000)
        limit = time.monotonic() + 10
        while not request.answered and time.monotonic() < limit:
            self.check_neighbour(f"during {payload[:40]}")
            self.client.wait([request], 0.05)
        answer = request.payload.decode(errors="replace")
        if self.kind in HANDLERS and status(request) == "ok":
            answer = json.loads(answer)
        return status(request), answer

    def end_worker(self):
        """For attempts that leave a worker nobody can use; it may not even hear this, and what it still says of the
        attempt may be too much for this invocation."""
        Either(DIES, HANGS, LIES).check(*self.ask("end"), self)

    def served_again(self):
        tap.eventually(lambda: self.ask("ready") == ("ok", "ready=yes\n"), "the escape function is served again")
