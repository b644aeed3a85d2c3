"""A Runtime API that does as a test says: scripted bytes out, raw bytes in, recorded."""
import collections
import socket
import threading

VERSION = "/2018-06-01/runtime"
CLOSE = object()  # in place of an answer: the connection is closed
PATIENCE_S = 20.0


class Request:
    """One request. `raw` is all of it as it came; `connection` counts connections from 0."""

    def __init__(self, head, body, raw, connection):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, version = lines[0].split(" ")
        assert version == "HTTP/1.1", lines[0]
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip() and name, f"not a header: {line!r}"
            assert name.lower() not in self.headers or name.lower() == "trailer", f"twice: {line!r}"
            self.headers[name.lower()] = value.strip()
        assert "host" in self.headers
        self.body, self.raw, self.connection = body, raw, connection

    def header(self, name):
        return self.headers.get(name.lower(), "")

    def __repr__(self):
        return f"{self.method} {self.target} {self.body[:300]!r}"


def answer(status, body=b"", close=False, **headers):
    """An answer's bytes; underscores in names of headers stand for dashes."""
    reason = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 413: "Request Entity Too Large",
              500: "Internal Server Error"}[status]
    lines = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["Connection: close"] if close else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


ACCEPTED = answer(202, b'{"status":"OK"}\n')


def refusal(status, error_type):
    return answer(status, b'{"errorMessage":"refused","errorType":"%s"}' % error_type.encode())


class Connection:
    def __init__(self, sock, number):
        self.sock, self.number, self.data = sock, number, b""

    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.data += piece

    def line_end(self, mark, at):
        while (end := self.data.find(mark, at)) < 0:
            self.more()
        return end

    def request(self):
        """The next request; EOFError: there is none."""
        end = self.line_end(b"\r\n\r\n", 0)
        head, at = self.data[:end], end + 4
        lowered = head.lower()
        if b"\r\nexpect: 100-continue" in lowered:
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"\r\ntransfer-encoding: chunked" in lowered:
            body, at = self.chunks(at)
        else:
            fields = [line for line in lowered.split(b"\r\n") if line.startswith(b"content-length:")]
            length = int(fields[0].split(b":")[1]) if fields else 0
            while len(self.data) < at + length:
                self.more()
            body, at = self.data[at:at + length], at + length
        raw, self.data = self.data[:at], self.data[at:]
        return Request(head, body, raw, self.number)

    def chunks(self, at):
        body = b""
        while True:
            end = self.line_end(b"\r\n", at)
            size = int(self.data[at:end].split(b";")[0], 16)
            at = end + 2
            if size == 0:
                while (end := self.line_end(b"\r\n", at)) != at:
                    at = end + 2  # trailers
                return body, at + 2
            while len(self.data) < at + size + 2:
                self.more()
            body += self.data[at:at + size]
            at += size + 2


class Stub:
    """`invocations`: answers to /next, in order; a /next waits while there is none. `verdicts`: answers to POST, in
    order, 202 when there is none. `requests`: all that came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.requests, self.problems = [], []
        self.invocations, self.verdicts = collections.deque(), collections.deque()
        self.changed = threading.Condition()
        self.ended = False
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.listener.close()
        for sock in self.sockets:
            sock.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(sock)
            threading.Thread(target=self.serve, args=(Connection(sock, len(self.sockets) - 1),), daemon=True).start()

    def serve(self, connection):
        try:
            while True:
                request = connection.request()
                with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                said = self.choose(request)
                if said is CLOSE:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                    return
                connection.sock.sendall(said)
                if b"\r\nConnection: close\r\n" in said[:500]:
                    connection.sock.shutdown(socket.SHUT_WR)
                    return
        except (EOFError, OSError):
            pass
        except Exception as problem:  # noqa: BLE001: a request that is none is what the test has to see
            with self.changed:
                self.problems.append(f"{problem!r} in {connection.data[:300]!r}")
                self.changed.notify_all()

    def choose(self, request):
        with self.changed:
            if request.method == "POST":
                return self.verdicts.popleft() if self.verdicts else ACCEPTED
            self.changed.wait_for(lambda: self.invocations or self.ended)
            return CLOSE if self.ended else self.invocations.popleft()

    def offer(self, said):
        """One more answer to /next."""
        with self.changed:
            self.invocations.append(said)
            self.changed.notify_all()

    def wait(self, fits, what):
        """The first request that fits; it may have come already."""
        def found():
            return next((request for request in self.requests if fits(request)), None)
        with self.changed:
            self.changed.wait_for(lambda: found() or self.problems, PATIENCE_S)
            assert not self.problems, self.problems
            assert found(), f"never came: {what}; came: {self.requests}"
            return found()
