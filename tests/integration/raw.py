"""Messages as bytes, right or wrong, over a kernel socket: for what client.py would never send."""
import secrets
import socket

from client import CHALLENGE, HEADER, INVOKE, MAGIC, VERSION, key, socket_in

FIELDS = ("magic", "version", "kind", "flags", "high", "low", "function", "qualifier", "trace_high", "trace_low", "span",
          "cookie", "deadline_us", "payload_bytes", "hops", "status", "attempts", "busy", "queue_us", "run_us", "reserved",
          "place")


class Answer(dict):
    """A datagram's header, by name; its payload; its length."""

    def __init__(self, data):
        super().__init__(zip(FIELDS, HEADER.unpack(data[:HEADER.size])))
        self.payload = data[HEADER.size:]
        self.bytes = len(data)


def message(function, payload=b"", **given):
    """A right request; whatever is given by name is put in its place."""
    fields = dict.fromkeys(FIELDS, 0) | {
        "magic": MAGIC, "version": VERSION, "kind": INVOKE, "high": secrets.randbits(64), "low": secrets.randbits(64),
        "function": key(function), "deadline_us": 3_000_000, "payload_bytes": len(payload), "place": b""} | given
    return HEADER.pack(*(fields[name] for name in FIELDS)) + payload


class Raw:
    def __init__(self, lab, node="pop"):
        self.sock = socket_in(lab.plan.namespace("client"), (lab.plan.address(node), 4600))
        self.cookie = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def exchange(self, data, patience_s=3.0):
        """The first datagram after this one was sent; None: nothing came."""
        self.sock.send(data)
        return self.receive(patience_s)

    def receive(self, patience_s):
        self.sock.settimeout(patience_s)
        try:
            return Answer(self.sock.recv(65536))
        except socket.timeout:
            return None

    def prove(self, function):
        """Takes a cookie for all that follows."""
        answer = self.exchange(message(function))
        assert answer is not None and answer["kind"] == CHALLENGE, answer
        self.cookie = answer["cookie"]
        return answer

    def invoke(self, function, payload=b"", **given):
        """The answer, the cookie in place."""
        if not self.cookie:
            self.prove(function)
        return self.exchange(message(function, payload, **{"cookie": self.cookie} | given))
