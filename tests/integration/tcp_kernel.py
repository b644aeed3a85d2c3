"""Our TCP against the kernel's, over an emulated link: bytes arrive whole through loss, reordering, duplication and delay;
windows, half-closes, resets. Namespaces and devices are this test's own."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]
sys.dont_write_bytecode = True

import tap  # noqa: E402
from tap import equal, eventually  # noqa: E402

OURS, KERNEL = "10.78.0.1", "10.78.0.9"
OURS6, KERNEL6 = "fd78::1", "fd78::9"
ECHO, DISCARD, SILENT = 7, 9, 13


class Scene:
    """Three namespaces: ours (its port is veth end `port0`), the kernel's, and between them one with the emulated link."""

    def __init__(self, build, *link):
        self.build = pathlib.Path(build)
        self.name = f"skt{os.getpid() % 0xFFFFFF:x}"
        self.link = [str(word) for word in link]
        self.processes = []

    def __enter__(self):
        try:
            self.build_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def build_up(self):
        ours, kernel, between = self.ours, self.kernel, f"{self.name}m"
        for name in (ours, kernel, between):
            self.ip("netns", "add", name)
        self.ip("-n", ours, "link", "add", "port0", "type", "veth", "peer", "name", "wire0", "netns", between)
        self.ip("-n", kernel, "link", "add", "eth0", "type", "veth", "peer", "name", "wire1", "netns", between)
        for name, devices in ((ours, ["port0"]), (kernel, ["eth0", "lo"]), (between, ["wire0", "wire1"])):
            for device in devices:
                self.ip("-n", name, "link", "set", device, "up")
        self.ip("-n", kernel, "addr", "add", f"{KERNEL}/24", "dev", "eth0")
        self.ip("-n", kernel, "addr", "add", f"{KERNEL6}/64", "dev", "eth0", "nodad")
        # Its kernel would leave checksums, and cutting into segments, to a NIC that is not there.
        subprocess.run(["ip", "netns", "exec", kernel, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off"],
                       check=True, capture_output=True)
        self.processes.append(subprocess.Popen(
            ["ip", "netns", "exec", between, self.build / "tools/linkem/skerry-linkem", "--a", "wire0", "--b", "wire1", "--seed", "7",
             *self.link], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=20)
        for name in (self.ours, self.kernel, f"{self.name}m"):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    @property
    def ours(self):
        return f"{self.name}o"

    @property
    def kernel(self):
        return f"{self.name}k"

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def peer(self, *options):
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.ours, self.build / "tests/dataplane/tcp/tcp-peer", "--devargs",
             "net_af_packet0,iface=port0", "--address", f"{OURS}/24", "--address", f"{OURS6}/64", *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def serve(self, *options):
        process = self.peer(*options)
        while True:
            line = process.stderr.readline()
            assert line, "the peer ended"
            if line == "ready\n":
                return process

    def sysctl(self, *words):
        subprocess.run(["ip", "netns", "exec", self.kernel, "sysctl", "-qw", *words], check=True)

    def enter(self, function):
        """Runs `function` with the kernel's namespace as its own: sockets made in it stay there."""
        result = []

        def inside():
            with open(f"/run/netns/{self.kernel}", "rb") as there:
                libc_setns(there.fileno())
            try:
                result.append((True, function()))
            except BaseException as error:  # noqa: BLE001
                result.append((False, error))
        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        good, value = result[0]
        if not good:
            raise value
        return value


def libc_setns(fd):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.setns(fd, 0x40000000) == 0, os.strerror(ctypes.get_errno())


def stop(process):
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    return json.loads(out.splitlines()[-1])


def dial(scene, port, v6=False, prepare=lambda s: None, patience_s=20):
    def make():
        s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        prepare(s)
        s.settimeout(patience_s)
        s.connect((OURS6 if v6 else OURS, port))
        return s
    return scene.enter(make)


def echo(sock, size, seed, chunk=65536, patience_s=240):
    """Sends `size` bytes, half-closes, and reads until the end. The hash of what came must be that of what went."""
    sock.settimeout(patience_s)
    sent, came = hashlib.sha256(), hashlib.sha256()

    def write():
        generator = random.Random(seed)
        left = size
        while left:
            data = generator.randbytes(min(chunk, left))
            sent.update(data)
            sock.sendall(data)
            left -= len(data)
        sock.shutdown(socket.SHUT_WR)
    writer = threading.Thread(target=write)
    writer.start()
    total = 0
    while data := sock.recv(65536):
        came.update(data)
        total += len(data)
    writer.join()
    equal(total, size, "bytes that came back")
    equal(came.hexdigest(), sent.hexdigest(), "their hash")
    sock.close()


def echoes(build, size, *link, options=(), v6=False, prepare=lambda s: None):
    with Scene(build, *link) as scene:
        process = scene.serve(*options)
        start = time.monotonic()
        echo(dial(scene, ECHO, v6, prepare), size, 1)
        took = time.monotonic() - start
        counted = stop(process)
        print(f"# {size} bytes both ways in {took:.1f} s: {counted}", flush=True)
        return counted


def test_a_clean_link(build):
    for v6 in (False, True):
        # Tail probes are possible: who waits for whom is up to the machine.
        equal(echoes(build, 3_000_000, v6=v6)["recoveries"], 0)


def test_loss_of_a_hundredth(build):
    assert echoes(build, 3_000_000, "--delay-us", 2000, "--loss", 0.01)["retransmitted"] > 0


def test_loss_of_a_tenth(build):
    assert echoes(build, 1_000_000, "--delay-us", 2000, "--loss", 0.1)["retransmitted"] > 0


def test_reordering_and_duplication(build):
    echoes(build, 3_000_000, "--delay-us", 3000, "--jitter-us", 2000, "--reorder", 0.1, "--duplicate", 0.1)


def test_flipped_bits(build):
    """The kernel's checksum and ours are all that stands between a bad bit and a bad answer."""
    counted = echoes(build, 1_000_000, "--delay-us", 1000, "--corrupt", 0.02)
    assert counted.get("drop_tcp_checksum", 0) > 0, counted


def test_far_away(build):
    echoes(build, 1_000_000, "--delay-us", 100000, "--loss", 0.005)


def test_tiny_windows_on_both_sides(build):
    def small(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    echoes(build, 200_000, "--delay-us", 500, options=("--window", 3000), prepare=small)


def test_without_the_kernels_options(build):
    with Scene(build, "--delay-us", 2000, "--loss", 0.01) as scene:
        scene.sysctl("net.ipv4.tcp_sack=0", "net.ipv4.tcp_timestamps=0", "net.ipv4.tcp_window_scaling=0")
        process = scene.serve()
        echo(dial(scene, ECHO), 500_000, 3)
        stop(process)


def test_many_at_once_by_cookies(build):
    """Half-open connections are not remembered at all: every handshake goes by a cookie."""
    with Scene(build, "--delay-us", 500, "--loss", 0.02) as scene:
        process = scene.serve("--half-open", 0)
        socks = [dial(scene, ECHO) for _ in range(20)]
        threads = [threading.Thread(target=echo, args=(sock, 50_000, i)) for i, sock in enumerate(socks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted = stop(process)
        assert counted["tcp_cookie_taken"] >= 20, counted
        equal(counted.get("tcp_syn_taken", 0), 0)


def test_the_kernel_stops_reading(build):
    """Its window closes; it opens again after a while, and everything has waited."""
    with Scene(build, "--delay-us", 500) as scene:
        process = scene.serve()
        sock = dial(scene, ECHO, prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192))
        data = os.urandom(300_000)
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        time.sleep(3)
        came = bytearray()
        while part := sock.recv(65536):
            came += part
        sender.join()
        assert bytes(came) == data
        counted = stop(process)
        assert counted["window_probes"] > 0, counted


def test_we_stop_reading(build):
    """Nobody reads here: the kernel's sending stops at our window, and a reset ends it."""
    with Scene(build, "--delay-us", 500) as scene:
        process = scene.serve("--window", 65536)
        sock = dial(scene, SILENT)
        sock.settimeout(2)
        sent = 0
        try:
            while True:
                sent += sock.send(bytes(65536))
        except TimeoutError:
            pass
        assert sent < 8 << 20, sent
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        time.sleep(0.3)
        counted = stop(process)
        equal(counted.get("tcp_closed_reset"), 1, counted)
        equal(counted["connections"], 0)


def test_resets_and_refusals(build):
    with Scene(build, "--delay-us", 300) as scene:
        process = scene.serve()
        try:
            dial(scene, 81)
            raise AssertionError("nobody listens there")
        except ConnectionRefusedError:
            pass
        # Reset in the middle of everything.
        for i in range(200):
            sock = dial(scene, ECHO)
            sock.sendall(bytes(1 + 997 * i % 20000))
            if i % 3 == 0:
                sock.shutdown(socket.SHUT_WR)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        time.sleep(0.5)
        counted = stop(process)
        equal(counted["connections"], 0)


def test_a_thousand_short_ones(build):
    with Scene(build) as scene:
        process = scene.serve("--time-wait-us", 100000)
        def many():
            for i in range(1000):
                with socket.create_connection((OURS, ECHO), timeout=10) as sock:
                    sock.sendall(b"x" * (i % 50 + 1))
                    equal(len(sock.recv(100)), i % 50 + 1)
        scene.enter(many)
        time.sleep(0.5)
        counted = stop(process)
        equal(counted["connections"], 0)


def test_an_expert_finds_nothing(build):
    """tshark's expert analysis of captured sessions: no error in what we sent. (Its warnings are about what networks do:
    that we say of a tail probe of the kernel's that it came twice, for one.)"""
    if shutil.which("tshark") is None:
        raise tap.Skip("needs tshark")
    with Scene(build) as scene, tempfile.TemporaryDirectory() as folder:
        process = scene.serve("--time-wait-us", 100000)
        capture = pathlib.Path(folder) / "session.pcap"
        sniffer = subprocess.Popen(["ip", "netns", "exec", scene.kernel, "tcpdump", "-q", "-U", "-B", "16384", "-i", "eth0",
                                    "-w", capture, "tcp"], stderr=subprocess.PIPE, text=True)
        sniffer.stderr.readline()
        echo(dial(scene, ECHO), 500_000, 1)
        echo(dial(scene, ECHO, v6=True), 200_000, 2)
        for i in range(20):
            echo(dial(scene, ECHO), i * 100, i)
        sock = dial(scene, ECHO)
        sock.sendall(b"x")
        sock.recv(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        time.sleep(0.5)
        sniffer.terminate()
        sniffer.wait(timeout=10)
        stop(process)
        error = 8388608  # its number for that severity
        found = subprocess.run(["tshark", "-r", capture, "-o", "tcp.check_checksum:TRUE", "-Y",
                                f"_ws.expert.severity >= {error} && (ip.src == {OURS} || ipv6.src == {OURS6})", "-T", "fields", "-e",
                                "frame.number", "-e", "_ws.expert.message"], check=True, capture_output=True, text=True).stdout
        equal(found, "")
        frames = subprocess.run(["tshark", "-r", capture, "-Y", f"ip.src == {OURS} || ipv6.src == {OURS6}"], check=True,
                                capture_output=True, text=True).stdout.count("\n")
        assert frames > 400, frames


class EchoServer(threading.Thread):
    """The kernel's side, when we are the client."""

    def __init__(self, scene, v6=False):
        super().__init__(daemon=True)

        def make():
            s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((KERNEL6 if v6 else KERNEL, ECHO))
            s.listen(64)
            return s
        self.listener = scene.enter(make)

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    @staticmethod
    def one(sock):
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass


def we_connect(build, size, *link, options=(), v6=False):
    with Scene(build, *link) as scene:
        server = EchoServer(scene, v6)
        server.start()
        process = scene.peer("--connect", KERNEL6 if v6 else KERNEL, "--bytes", size, *options)
        out, errors = process.communicate(timeout=240)
        server.listener.close()
        equal(process.returncode, 0, errors + out)
        print("#", out.strip())


def test_we_connect(build):
    for v6 in (False, True):
        we_connect(build, 3_000_000, v6=v6)


def test_we_connect_over_a_bad_link(build):
    we_connect(build, 1_000_000, "--delay-us", 3000, "--jitter-us", 1000, "--loss", 0.03, "--duplicate", 0.03, "--reorder",
               0.05, options=("--connections", 5))
    we_connect(build, 300_000, "--delay-us", 3000, "--loss", 0.05, options=("--no-sack", "--no-timestamps", "--new-reno"))


def test_we_are_refused(build):
    with Scene(build) as scene:
        process = scene.peer("--connect", KERNEL, "--port", 99)
        out, errors = process.communicate(timeout=60)
        equal(process.returncode, 1)
        assert "tcp_closed_refused" in errors, errors + out


def test_ten_megabytes_both_ways(build):
    """A hundred, when asked to (SKERRY_TCP_BYTES)."""
    echoes(build, int(os.environ.get("SKERRY_TCP_BYTES", 10_000_000)), "--delay-us", 1000, "--loss", 0.002, "--duplicate",
           0.002, "--reorder", 0.01)


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules[__name__], sys.argv[1]))
