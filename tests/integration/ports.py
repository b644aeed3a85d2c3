"""skerryd on the kinds of port that a machine without a free NIC has: each serves a kernel client, or another DPDK
process, for real. Namespaces and devices are this test's own."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/demo.d")]
sys.dont_write_bytecode = True

import tap  # noqa: E402
from client import OK, Client  # noqa: E402
from tap import equal, eventually  # noqa: E402

SERVER, CLIENT = "10.77.0.1", "10.77.0.9"


class Host:
    """A namespace with a skerryd in it; `client` is a second one at the other end of a veth, if there is one."""

    def __init__(self, build, name):
        self.build = pathlib.Path(build)
        self.name = f"skp{name}{os.getpid() % 0xFFFFFF:x}"
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-ports-")
        self.process = None
        self.admin = pathlib.Path(self.folder.name) / "admin.sock"

    def __enter__(self):
        self.ip("netns", "add", self.name)
        self.inside("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
        for end in (self.name, f"{self.name}c"):
            subprocess.run(["ip", "netns", "del", end], check=False, capture_output=True)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def inside(self, *words, check=True):
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, words)], check=check, capture_output=True,
                              text=True)

    def veth(self):
        """`port0` here, the other end with the client's address in a namespace of its own."""
        other = f"{self.name}c"
        self.ip("netns", "add", other)
        self.ip("-n", self.name, "link", "add", "port0", "type", "veth", "peer", "name", "eth0", "netns", other)
        self.ip("-n", self.name, "link", "set", "port0", "up")
        self.ip("-n", other, "link", "set", "lo", "up")
        self.ip("-n", other, "addr", "add", f"{CLIENT}/24", "dev", "eth0")
        self.ip("-n", other, "link", "set", "eth0", "up")
        # Its kernel would leave checksums to a NIC that is not there.
        subprocess.run(["ip", "netns", "exec", other, "ethtool", "-K", "eth0", "tx", "off"], check=True,
                       capture_output=True)
        return other

    def start(self, devargs):
        config = pathlib.Path(self.folder.name) / "skerryd.toml"
        uid = 0x68000000 + os.getpid() * 8  # no lab's
        config.write_text(f'''role = "pop"
name = "pop"
state_dir = "{self.folder.name}/state"
admin_socket = "{self.admin}"
[dataplane]
memory = "no-huge"
memory_mib = 128
idle = "sleep"
[workers]
max = 8
first_uid = {uid}
[http]
require_signature = false
[[port]]
devargs = "{devargs}"
addresses = ["{SERVER}/24"]
''')
        pathlib.Path(self.folder.name, "state").mkdir(mode=0o755, exist_ok=True)
        os.chmod(self.folder.name, 0o755)
        log = open(pathlib.Path(self.folder.name) / "log", "wb")
        self.process = subprocess.Popen(["ip", "netns", "exec", self.name, self.build / "control/controller/skerryd",
                                         "--config", config], stdout=log, stderr=log)
        log.close()
        eventually(self.is_up, "skerryd is up", 20)

    def is_up(self):
        text = (pathlib.Path(self.folder.name) / "log").read_text(errors="replace")
        assert self.process.poll() is None, f"skerryd ended: {text[-800:]}"
        return " is up" in text

    def ctl(self, *words):
        done = subprocess.run([self.build / "tools/skerryctl/skerryctl", "--json", "--admin", self.admin,
                               *map(str, words)], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def deploy_echo(self):
        self.ctl("function", "deploy", "echo", "--artifact", self.build / "tools/functions/echo", "--warm-min", 1)


def ask(host, namespace):
    """Both kinds of traffic that a client brings: a ping, and invocations of several sizes."""
    host.deploy_echo()
    subprocess.run(["ip", "netns", "exec", namespace, "ping", "-c", "2", "-W", "3", SERVER], check=True,
                   capture_output=True)
    client = Client(namespace, (SERVER, 4600))
    try:
        for size in (0, 1, 3, 64, 1000, 1360):
            payload = os.urandom(size)
            request = client.invoke("echo", payload)
            equal((request.status, request.place), (OK, "pop"), f"{size} bytes")
            equal(request.payload, payload)
    finally:
        client.close()
    reasons = host.ctl("stats")["reasons"]
    equal(reasons["served_local"]["count"], 6)
    equal(reasons["drop_udp_checksum"]["count"] + reasons["drop_ip_checksum"]["count"], 0, "bad checksums")


def test_net_tap(build):
    """It offers to make checksums, so ours are left to it: a kernel that answers proves that they are right."""
    with Host(build, "t") as host:
        host.start("net_tap0,iface=port0")
        host.inside("ip", "addr", "add", f"{CLIENT}/24", "dev", "port0")
        host.inside("ip", "link", "set", "port0", "up")
        ask(host, host.name)
        # And it offers to cut segments: a body over our TCP to the kernel's and back.
        body = pathlib.Path(host.folder.name) / "body"
        body.write_bytes(os.urandom(900_000))
        host.ctl("function", "deploy", "large", "--artifact", host.build / "tools/functions/echo", "--warm-min", 1,
                 "--max-payload-bytes", 1 << 20)
        for _ in range(3):
            done = host.inside("curl", "-sS", "--max-time", "20", "--data-binary", f"@{body}", "-o", f"{body}.back",
                               f"http://{SERVER}:8080/2015-03-31/functions/large/invocations", check=False)
            equal(done.returncode, 0, done.stderr)
            assert pathlib.Path(f"{body}.back").read_bytes() == body.read_bytes(), "it came back changed"


def test_net_af_xdp(build):
    with Host(build, "x") as host:
        client = host.veth()
        host.start("net_af_xdp0,iface=port0")
        ask(host, client)


def test_net_af_packet(build):
    with Host(build, "p") as host:
        client = host.veth()
        host.start("net_af_packet0,iface=port0")
        ask(host, client)


def test_net_memif(build):
    """Another DPDK process at the other end of shared memory: the load generator."""
    with Host(build, "m") as host:
        socket = f"{host.folder.name}/memif.sock"
        host.start(f"net_memif0,role=server,id=0,socket={socket},socket-abstract=no")
        host.deploy_echo()
        eventually(lambda: os.path.exists(socket), "the memif's socket")
        done = host.inside(host.build / "tools/load/skerry-load", "--pop", SERVER, "--function", "echo", "--port",
                           f"net_memif0,role=client,id=0,socket={socket},socket-abstract=no", "--address", f"{CLIENT}/24",
                           "--rate", 500, "--duration", 2, "--retransmit", 200, "--json", "--quiet", check=False)
        equal(done.returncode, 0, done.stderr[-500:])
        report = json.loads(done.stdout)
        equal(report["status"], {"ok": report["sent"]})
        assert report["sent"] >= 900, report


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules[__name__], sys.argv[1]))
