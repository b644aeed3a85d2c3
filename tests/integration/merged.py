"""Segments that ports put together (LRO), and cut (TSO): skerryd and our own client are guests of one host, each on a
net_virtio_user; the host is testpmd, which passes frames between two net_vhost as a switch between guests does. No kernel, no
huge pages. Bodies up to 6 MiB there and back, each byte compared."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import tap
from tap import equal, eventually

SERVER = "10.78.0.1"
INVOKE = "/2015-03-31/functions/{}/invocations"
LARGE = (6 << 20) - 100
RING = 256  # of a net_virtio_user, each way


class Relay:
    """The host. `tso`: whether it offers its guests to take, and to hand on, frames that are to be cut."""

    def __init__(self, folder, tso=True):
        self.folder, self.tso = folder, tso

    def __enter__(self):
        devices = []
        for number, end in enumerate(("server", "client")):
            # legacy-ol-flags: what came to be cut goes on to be cut.
            devices.append(f"--vdev=net_vhost{number},iface={self.folder}/{end},queues=1,tso={int(self.tso)},legacy-ol-flags=1")
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        self.log = open(self.folder / "relay.log", "wb")
        self.process = subprocess.Popen(
            ["dpdk-testpmd", "--no-huge", "-m", "256", "--no-shconf", "--no-pci", "--no-telemetry",
             f"--file-prefix=skerry-relay-{os.getpid()}", f"--lcores=0@({cpus}),1@({cpus})", *devices, "--",
             "--forward-mode=io", "--total-num-mbufs=16384", "--no-flush-rx"],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        for end in ("server", "client"):
            eventually(lambda end=end: (self.folder / end).exists(), f"the relay's socket for the {end}", 30)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Server:
    def __init__(self, build, folder, cpu=None, spin=False):
        self.build, self.folder, self.cpu, self.spin = pathlib.Path(build), folder, cpu, spin

    def __enter__(self):
        (self.folder / "state").mkdir(mode=0o755)
        self.admin = self.folder / "admin.sock"
        config = self.folder / "skerryd.toml"
        config.write_text(f'''role = "pop"
name = "pop"
state_dir = "{self.folder}/state"
admin_socket = "{self.admin}"
[dataplane]
memory = "no-huge"
memory_mib = 256
mbufs = 16383
idle = "{"spin" if self.spin else "sleep"}"
{f"cpus = [{self.cpu}]" if self.cpu is not None else ""}
[workers]
max = 8
first_uid = {0x69000000 + os.getpid() * 8}
standby_nodejs = 0
[http]
require_signature = false
[[port]]
devargs = "net_virtio_user0,path={self.folder}/server"
addresses = ["{SERVER}/16"]
''')
        log = open(self.folder / "log", "wb")
        words = [self.build / "control/controller/skerryd", "--config", config]
        self.process = subprocess.Popen(words if self.cpu is None else ["taskset", "-c", str(self.cpu), *words],
                                        stdout=log, stderr=log)
        log.close()
        eventually(self.is_up, "skerryd is up", 30)
        return self

    def is_up(self):
        text = (self.folder / "log").read_text(errors="replace")
        assert self.process.poll() is None, f"skerryd ended: {text[-800:]}"
        return " is up" in text

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def ctl(self, *words):
        done = subprocess.run([self.build / "tools/skerryctl/skerryctl", "--json", "--admin", self.admin, *map(str, words)],
                              check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def deploy_echo(self):
        self.ctl("function", "deploy", "echo", "--artifact", self.build / "tools/functions/echo", "--warm-min", 1,
                 "--max-payload-bytes", 6 << 20, "--timeout-ms", 20000)

    def core(self):
        return self.ctl("stats")["cores"][0]


class Client:
    """skerry-load, each run from an address of its own."""
    runs = 0

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build), folder

    def load(self, path, *more, cpu=None):
        Client.runs += 1
        words = [self.build / "tools/load/skerry-load", "http", f"http://{SERVER}:8080{path}", "--port",
                 f"net_virtio_user0,path={self.folder}/client", "--address", f"10.78.{Client.runs % 200 + 1}.1/16", "--quiet", "--json",
                 *more]
        done = subprocess.run([*([] if cpu is None else ["taskset", "-c", str(cpu)]), *map(str, words)], check=False,
                              capture_output=True, text=True)
        equal(done.returncode, 0, f"{done.stderr[-500:]} {done.stdout[-500:]}")
        return json.loads(done.stdout)


@contextlib.contextmanager
def guests(build, tso=True):
    with tempfile.TemporaryDirectory(prefix="skerry-merged-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        with Relay(folder, tso), Server(build, folder) as server:
            server.deploy_echo()
            yield server, Client(build, folder)


def echoed(server, client, size, connections, seconds):
    """Bodies of `size` there and back; the report, and what the server's core has counted meanwhile."""
    body = server.folder / "body"
    body.write_bytes(os.urandom(size))
    before = server.core()
    report = client.load(INVOKE.format("echo"), "--body", f"@{body}", "--echo", "--connections", connections, "--duration", seconds,
                         "--timeout-ms", 20000)
    after = server.core()
    wrong = {key: report[key] for key in ("changed", "malformed", "unasked", "timed_out") if report[key] != 0}
    equal(wrong, {}, f"{size} bytes: {report}")
    equal(list(report["status"]), ["200"], f"{size} bytes")
    reasons = {name: after["reasons"][name] - before["reasons"][name]
               for name in ("drop_chain", "drop_runt", "drop_tcp_checksum", "drop_tcp_header")}
    assert not any(reasons.values()), reasons
    return report, {key: after[key] - before[key] for key in ("rx_packets", "rx_merged")}


def nothing_left(server):
    """Connections are reset by a client that leaves; the port's own buffers stay where they are."""
    eventually(lambda: server.core()["connections"] == 0 and server.core()["exchanges"] == 0, "no connection is left", 30)
    eventually(lambda: server.core()["payload_buffers"] == 0, "no payload buffer is in use", 30)


def test_bodies_of_all_sizes(build):
    with guests(build) as (server, client):
        echoed(server, client, 1, 1, 0.3)
        for size, connections, seconds in ((1, 8, 0.5), (1448, 4, 0.5), (4096, 4, 0.5), (60_000, 4, 1), (1 << 20, 2, 1), (LARGE, 1, 2)):
            report, counted = echoed(server, client, size, connections, seconds)
            print(f"# {size} bytes: {report['answered']} answers, {counted}, {report['merged_frames']} merged to the client",
                  flush=True)
            if size > 8192:
                assert counted["rx_merged"] > 0, f"none came merged: {counted}"
                assert report["merged_frames"] > 0, f"none came merged to the client: {report}"
        nothing_left(server)
        # All that the core's buffers are in by now: what the port receives into, and what it has sent and not looked after since.
        eventually(lambda: server.core()["packet_buffers"] <= 2 * RING + 64, f"packet buffers are back: {server.core()['packet_buffers']}", 15)


def test_a_host_that_does_not_cut(build):
    """It offers its guests neither: segments are segments."""
    with guests(build, tso=False) as (server, client):
        report, counted = echoed(server, client, 1 << 20, 2, 1)
        equal((counted["rx_merged"], report["merged_frames"]), (0, 0))
        nothing_left(server)


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules[__name__], sys.argv[1]))
