#!/usr/bin/python3
"""What ordinary Python programs do, under python3.policy:   exercise.py C_EXERCISE

Every line of network.policy that allows something is used here. Needs nothing but the standard
library."""
import array
import asyncio
import concurrent.futures
import ctypes
import fcntl
import hashlib
import http.client
import http.server
import json
import logging
import mmap
import multiprocessing
import os
import pathlib
import platform
import random
import resource
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
import zipfile


def files(folder):
    path = folder / "deep" / "file.txt"
    path.parent.mkdir()
    path.write_text("line\n" * 1000)
    shutil.copy2(path, folder / "copy.txt")
    shutil.copytree(folder / "deep", folder / "tree")
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "file.txt")
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:4] = b"LINE"
    assert path.read_text().startswith("LINE")
    (folder / "link").symlink_to(path)
    os.rename(folder / "copy.txt", folder / "moved.txt")
    assert sorted(entry.name for entry in os.scandir(folder)) == [
        "all.zip", "deep", "link", "moved.txt", "tree"]
    assert len(list(folder.rglob("*.txt"))) == 3
    with open(folder / "moved.txt", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    shutil.disk_usage(folder)
    os.utime(folder / "moved.txt", (1, 1))
    os.chmod(folder / "moved.txt", 0o600)
    shutil.rmtree(folder / "tree")


def threads():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda x: x * x, range(100))) == 328350
    event = threading.Event()
    timer = threading.Timer(0.01, event.set)
    timer.start()
    assert event.wait(5)
    done = []
    worker = threading.Thread(target=lambda: done.append(hashlib.sha256(b"x" * 10**6).hexdigest()))
    worker.start()
    worker.join()
    assert len(done[0]) == 64


def square(x):
    return x * x


def processes(c_exercise):
    subprocess.run([c_exercise], check=True)
    out = subprocess.run("echo $((6*7)) | cat", shell=True, capture_output=True, text=True,
                         check=True, start_new_session=True)
    assert out.stdout == "42\n"
    assert subprocess.run([sys.executable, "-c", "import sys; sys.exit(3)"]).returncode == 3
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    # Not a pool: its locks need /dev/shm, which a jail has not.
    ours, its = multiprocessing.Pipe()
    child = multiprocessing.Process(target=lambda: its.send(square(7)))
    child.start()
    assert ours.recv() == 49
    child.join()
    pid = os.posix_spawn("/bin/true", ["true"], {})
    with open(os.pidfd_open(pid), "rb", buffering=0) as handle:
        select.select([handle], [], [], 5)
        os.waitid(os.P_PIDFD, handle.fileno(), os.WEXITED)


def signals_and_time():
    heard = []
    signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda *_: heard.append(2))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    for _ in range(100):
        if len(heard) == 2:
            break
        time.sleep(0.05)  # a busy machine
    assert heard == [1, 2], heard
    time.process_time(), time.thread_time(), time.monotonic_ns(), time.localtime()
    resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
    os.nice(0), os.cpu_count(), os.sched_getaffinity(0), os.getloadavg, platform.platform()
    uuid.uuid4(), random.random(), os.urandom(8), os.getlogin


def waiting():
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    os.write(ends[1], b"x")
    poller = select.poll()
    poller.register(ends[0], select.POLLIN)
    assert poller.poll(1000)
    assert select.select([ends[0]], [], [], 1)[0]
    with select.epoll() as epoll:
        epoll.register(ends[0], select.EPOLLIN)
        assert epoll.poll(1)
    there = array.array("i", [0])
    fcntl.ioctl(ends[0], 0x541B, there)
    assert there[0] == 1
    os.close(ends[0]), os.close(ends[1])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def http_on_loopback():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://localhost:{server.server_port}/"  # a name, so that it is looked up
        for _ in range(3):
            with urllib.request.urlopen(url, data=json.dumps({"a": 1}).encode()) as answer:
                assert json.load(answer) == {"a": 1}
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("POST", "/", body=b"twice")
        assert connection.getresponse().read() == b"twice"
        connection.close()
        server.shutdown()
    ssl.create_default_context()


def tcp(family, address):
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0)
    else:
        server.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
    server.bind((address, 0))
    server.listen()
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(5)
    for option, value in ((socket.TCP_NODELAY, 1), (socket.TCP_CORK, 0), (socket.TCP_QUICKACK, 1),
                          (socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 10),
                          (socket.TCP_KEEPCNT, 3), (socket.TCP_USER_TIMEOUT, 1000)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
    client.connect(server.getsockname())
    client.sendall(b"hello")
    accepted, _ = server.accept()
    assert accepted.recv(5) == b"hello"
    with tempfile.TemporaryFile() as file:
        file.write(b"a file's bytes")
        file.seek(0)
        client.sendfile(file)
    assert accepted.recv(64) == b"a file's bytes"
    client.shutdown(socket.SHUT_WR)
    for one in (client, accepted, server):
        one.close()


class Message(ctypes.Structure):
    """struct mmsghdr without anything to send: its msghdr is all zeros but for one iovec."""
    _fields_ = [("name", ctypes.c_void_p), ("name_bytes", ctypes.c_uint32),
                ("parts", ctypes.c_void_p), ("part_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_bytes", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("bytes", ctypes.c_uint32)]


def udp(family, address):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 0))
    client = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if family == socket.AF_INET6:
        client.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 8)
    else:
        client.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 8)
    client.connect(server.getsockname())
    client.send(b"one")
    assert server.recvfrom(16)[0] == b"one"
    # As the C library's resolver and libuv send and take several at once.
    text = ctypes.create_string_buffer(b"two", 16)
    part = (ctypes.c_size_t * 2)(ctypes.addressof(text), 3)
    message = Message(parts=ctypes.addressof(part), part_count=1)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.sendmmsg(client.fileno(), ctypes.byref(message), 1, 0) == 1
    assert libc.recvmmsg(server.fileno(), ctypes.byref(message), 1, 0, None) == 1
    client.close(), server.close()


def sockets():
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        tcp(family, address)
        udp(family, address)
    left, right = socket.socketpair()
    left.sendmsg([b"x"])
    assert right.recvmsg(1)[0] == b"x"
    left.close(), right.close()
    assert socket.if_indextoname(socket.if_nametoindex("lo")) == "lo"
    assert socket.getaddrinfo("127.0.0.1", 80)


async def loops():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(i):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"%d\n" % i)
        assert await reader.readline() == b"%d\n" % i
        writer.close()

    await asyncio.gather(*(ask(i) for i in range(10)))
    server.close()
    child = await asyncio.create_subprocess_exec("/bin/cat", stdin=asyncio.subprocess.PIPE,
                                                 stdout=asyncio.subprocess.PIPE)
    assert (await child.communicate(b"through"))[0] == b"through"
    await asyncio.to_thread(time.sleep, 0.01)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, lambda: None)


def main():
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        files(pathlib.Path(folder))
    threads()
    waiting()
    sockets()
    http_on_loopback()
    asyncio.run(loops())
    signals_and_time()
    processes(sys.argv[1])


if __name__ == "__main__":
    main()
