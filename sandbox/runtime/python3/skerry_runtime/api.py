"""A client of the Runtime API: one connection that is kept, and no http.client, which takes longer to import than a
worker to start. Understands what RFC 9112 asks of a client that only ever sends GET and POST with a known length."""
import _socket  # socket.py would import selectors and enum

VERSION = "/2018-06-01/runtime"
MOST_HEAD_BYTES = 65536


class ApiError(Exception):
    """The Runtime API is not there, or does not speak as it should: the worker has to end."""


class Answer:
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class _Closed(Exception):
    """The connection ended before the first byte of an answer."""


class Client:
    """For one thread. `address` is HOST:PORT, as AWS_LAMBDA_RUNTIME_API has it."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host.strip("[]") or "127.0.0.1", int(port) if port.isdigit() else 80)
        self._family = _socket.AF_INET6 if ":" in self._address[0] else _socket.AF_INET
        self._fixed = f"Host: {address}\r\nUser-Agent: skerry-python3/1\r\n".encode("latin-1")
        self._connection = None
        self._rest = b""

    def next(self):
        """The next invocation; waits for it as long as it takes."""
        return self._exchange(f"GET {VERSION}/invocation/next HTTP/1.1\r\n".encode(), b"", b"")

    def respond(self, invocation, body):
        return self._post(f"{VERSION}/invocation/{_id(invocation)}/response", body, "", _attempt(invocation))

    def fail(self, invocation, body, error_type):
        return self._post(f"{VERSION}/invocation/{_id(invocation)}/error", body, error_type, _attempt(invocation))

    def fail_initialisation(self, body, error_type):
        return self._post(f"{VERSION}/init/error", body, error_type)

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection, self._rest = None, b""

    def _post(self, path, body, error_type, attempt=None):
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if error_type:
            more += f"Lambda-Runtime-Function-Error-Type: {header_value(error_type)}\r\n"
        if attempt:
            more += f"Lambda-Runtime-Invocation-Id: {attempt}\r\n"
        return self._exchange(f"POST {path} HTTP/1.1\r\n".encode("latin-1"), more.encode("latin-1"), body)

    def _exchange(self, line, more, body):
        # A kept connection may have been closed at the other end meanwhile: then once more, on a new one.
        kept = self._connection is not None
        try:
            return self._once(line, more, body)
        except (_Closed, OSError) as problem:
            self.close()
            if not kept:
                raise ApiError(f"{self._address[0]}:{self._address[1]}: {problem or 'closed'}") from problem
        try:
            return self._once(line, more, body)
        except (_Closed, OSError) as problem:
            self.close()
            raise ApiError(f"{self._address[0]}:{self._address[1]}: {problem or 'closed'}") from problem

    def _once(self, line, more, body):
        if self._connection is None:
            self._connection = _socket.socket(self._family, _socket.SOCK_STREAM)
            self._connection.connect(self._address)
            self._connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        head = line + self._fixed + more + b"\r\n"
        # One segment when it is short; a long body is not copied once more.
        if len(body) <= 16384:
            self._connection.sendall(head + body)
        else:
            self._connection.sendall(head)
            self._connection.sendall(body)
        answer, stays = self._receive()
        if not stays:
            self.close()
        return answer

    def _receive(self):
        while True:
            status, headers, minor = _parse_head(self._take_head())
            if status >= 200:
                break  # what comes before is "100 Continue" and the like
        encoding = headers.get("transfer-encoding", "").lower()
        if encoding:
            if encoding != "chunked":
                raise ApiError(f"the answer's transfer encoding is {encoding!r}")
            body = self._take_chunks()
        elif status == 204 or status == 304:
            body = b""
        else:
            length = headers.get("content-length", "")
            if not (length.isascii() and length.isdigit()):
                raise ApiError("the answer has no length")
            body = self._take(int(length))
        asked = headers.get("connection", "").lower()
        return Answer(status, headers, body), (asked != "close" if minor else asked == "keep-alive")

    def _more(self, first=False):
        data = self._connection.recv(65536)
        if not data:
            raise _Closed("closed before the answer") if first else ApiError("the answer is cut short")
        self._rest += data

    def _take_head(self):
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > MOST_HEAD_BYTES:
                raise ApiError("the answer's head is too long")
            self._more(first=not self._rest)
        head, self._rest = self._rest[:end], self._rest[end + 4:]
        return head

    def _take(self, length):
        if len(self._rest) >= length:
            body, self._rest = self._rest[:length], self._rest[length:]
            return body
        body = bytearray(length)
        view = memoryview(body)
        at = len(self._rest)
        view[:at] = self._rest
        self._rest = b""
        while at < length:
            got = self._connection.recv_into(view[at:])
            if not got:
                raise ApiError("the answer is cut short")
            at += got
        return bytes(body)

    def _take_line(self):
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > MOST_HEAD_BYTES:
                raise ApiError("a line of the answer is too long")
            self._more()
        line, self._rest = self._rest[:end], self._rest[end + 2:]
        return line

    def _take_chunks(self):
        parts = []
        while True:
            size_text = self._take_line().split(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                raise ApiError("a chunk of the answer has no length") from None
            if size == 0:
                while self._take_line():
                    pass  # trailers
                return b"".join(parts)
            parts.append(self._take(size))
            self._take(2)


def _parse_head(head):
    """(status, headers by lower-case name, minor version)."""
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdigit():
        raise ApiError(f"not an answer: {lines[0][:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    return int(rest[:3]), headers, version == "HTTP/1.1"


def _id(invocation):
    return invocation.headers.get("lambda-runtime-aws-request-id", "")


def _attempt(invocation):
    """Names one attempt, so that a late answer is not taken for that of the next."""
    return invocation.headers.get("lambda-runtime-invocation-id")


def header_value(text):
    """What can't break out of a header: printable ASCII, not endless."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:256])
