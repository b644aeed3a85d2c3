"""A client of the native protocol (docs/protocol.md): an ordinary UDP socket, in the lab's client namespace."""
import ctypes
import dataclasses
import hashlib
import os
import secrets
import socket
import struct
import threading
import time

HEADER = struct.Struct(">IBBHQQQQQQQQIIBBBBIII16s")
MAGIC, VERSION = 0x534B5259, 1
INVOKE, REPLY, CHALLENGE = 1, 2, 5
COLD = 1 << 2
CLONE_NEWNET = 0x40000000
RETRANSMIT_S = 0.75
OK = 0


def key(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def socket_in(namespace, address, kind=socket.SOCK_DGRAM):
    """A connected socket; it keeps the namespace that it was made in."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", encoding="ascii") as home, open(f"/run/netns/{namespace}", encoding="ascii") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.connect(address)
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)
    return sock


@dataclasses.dataclass
class Request:
    low: int
    due: float = 0.0          # when it should have been sent (monotonic)
    sent_unix_us: int = 0
    answered: float = 0.0     # 0: not yet
    status: int = -1
    place: str = ""
    version: int = 0
    flags: int = 0
    payload: bytes = b""

    @property
    def latency_us(self):
        return (self.answered - self.due) * 1e6


class Client:
    """One socket. invoke() is one request; load() an open loop at a rate."""

    def __init__(self, namespace, address):
        self.sock = socket_in(namespace, address)
        self.sock.settimeout(0.05)
        self.high = secrets.randbits(64)
        self.next_low = 1
        self.cookie = 0
        self.open = {}
        self.messages = {}
        self.lock = threading.Lock()

    def close(self):
        self.sock.close()

    def send(self, request, function, payload, deadline_ms):
        self.messages[request.low] = (function, payload, deadline_ms)
        self.transmit(request.low)

    def transmit(self, low):
        function, payload, deadline_ms = self.messages[low]
        header = HEADER.pack(MAGIC, VERSION, INVOKE, 0, self.high, low, key(function), 0, self.high, low, low, self.cookie,
                             deadline_ms * 1000, len(payload), 0, 0, 0, 0, 0, 0, 0, b"")
        try:
            self.sock.send(header + payload)
        except (BlockingIOError, ConnectionRefusedError):
            pass  # as good as lost; it is sent again

    def receive(self):
        """Takes one datagram; True when there was one."""
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, BlockingIOError):
            return False
        now = time.monotonic()
        if len(data) < HEADER.size:
            return True
        fields = HEADER.unpack(data[:HEADER.size])
        kind, flags, high, low = fields[2], fields[3], fields[4], fields[5]
        if fields[0] != MAGIC or high != self.high:
            return True
        with self.lock:
            request = self.open.get(low)
            if request is None:
                return True
            if kind == CHALLENGE:
                self.cookie = fields[11]
                self.transmit(low)
            elif kind == REPLY:
                del self.open[low]
                self.messages.pop(low, None)
                request.answered, request.status, request.flags = now, fields[15], flags
                request.version, request.place = fields[7], fields[21].rstrip(b"\0").decode("ascii", "replace")
                request.payload = data[HEADER.size:]
        return True

    def new_request(self):
        request = Request(self.next_low)
        self.next_low += 1
        return request

    def begin(self, request, function, payload, deadline_ms, due=None):
        request.due = time.monotonic() if due is None else due
        request.sent_unix_us = time.time_ns() // 1000
        with self.lock:
            self.open[request.low] = request
            self.send(request, function, payload, deadline_ms)

    def invoke(self, function, payload=b"", deadline_ms=3000):
        request = self.new_request()
        self.begin(request, function, payload, deadline_ms)
        self.wait([request], deadline_ms / 1000 + 2)
        return request

    def wait(self, requests, patience_s):
        limit = time.monotonic() + patience_s
        again = time.monotonic() + RETRANSMIT_S
        while any(not each.answered for each in requests) and time.monotonic() < limit:
            self.receive()
            if time.monotonic() >= again:
                again += RETRANSMIT_S
                with self.lock:
                    for low in list(self.open):
                        self.transmit(low)

    def load(self, function, payloads, rate, seconds, deadline_ms=3000, until=None):
        """Open loop: request i is due at i/rate, however long answers take. `until` may end it early."""
        requests = []
        stop = threading.Event()

        def take():
            while not stop.is_set():
                self.receive()

        taker = threading.Thread(target=take, daemon=True)
        taker.start()
        started = time.monotonic()
        count = int(rate * seconds)
        for i in range(count):
            due = started + i / rate
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            if until is not None and until():
                break
            request = self.new_request()
            requests.append(request)
            self.begin(request, function, payloads[i % len(payloads)], deadline_ms, due)
        stop.set()
        taker.join()
        self.wait(requests, deadline_ms / 1000 + 3)
        return requests


def process_name():
    return f"d{os.getpid() % 0xFFFFFF:x}"
