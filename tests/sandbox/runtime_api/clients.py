"""Real clients of the Runtime API against its server: curl, Python's http.client, Node's http, bare sockets.

    clients.py BUILD-FOLDER
"""
import contextlib
import http.client
import pathlib
import queue
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests/integration"))

import tap  # noqa: E402

BASE = "/2018-06-01/runtime/invocation/"
PATIENCE_S = 20
MIB = bytes(random.Random(1).randbytes(1 << 20))
build = None


def request_id(number):
    return f"00000000-0000-0000-0000-{number:012x}"


class Server:
    def __init__(self, events, area=2 << 20):
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-runtime-api-")
        files = []
        for number, event in enumerate(events):
            files.append(pathlib.Path(self.folder.name) / f"event{number}")
            files[-1].write_bytes(event)
        self.process = subprocess.Popen(
            [build / "tests/sandbox/runtime_api/runtime-api-serve", "--area", str(area), "--seconds", str(PATIENCE_S),
             *files], stdout=subprocess.PIPE)
        self.said = queue.Queue()
        # The server waits for who reads what it says, and its clients wait for the server.
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.port = int(self.said.get(timeout=PATIENCE_S)[0][1])

    def read(self):
        for line in iter(self.process.stdout.readline, b""):
            words = line.decode().split()
            size = int(words[3]) + 1 if words[0] == "answer" else 0
            self.said.put((words, self.process.stdout.read(size)[:-1]))

    def answer(self):
        words, body = self.said.get(timeout=PATIENCE_S)
        tap.equal(words[0], "answer")
        return words[1], words[2], body

    def done(self):
        tap.equal(self.said.get(timeout=PATIENCE_S)[0], ["done"])
        tap.equal(self.process.wait(PATIENCE_S), 0, "server's status")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.folder.cleanup()


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S, **more).stdout


def curl(*words, **more):
    return run("curl", "-sS", "--noproxy", "*", "--max-time", str(PATIENCE_S), *words, **more)


def raw(method, path, body=b"", head=b""):
    return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode() + head + b"\r\n" + body)


def hear(connection):
    """One answer: its head, and its body by Content-Length."""
    text = b""
    while b"\r\n\r\n" not in text:
        got = connection.recv(65536)
        assert got, f"the connection ended after {text!r}"
        text += got
    head, body = text.split(b"\r\n\r\n", 1)
    if head.startswith(b"HTTP/1.1 100"):
        return head, body
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < size:
        got = connection.recv(1 << 20)
        assert got, "the connection ended in a body"
        body += got
    tap.equal(len(body), size, "bytes of the body")
    return head, body


def test_curl_keeps_its_connection():
    with Server([b"{}", b"[1]", b""]) as server:
        words = []
        for number in (1, 2, 3):
            words += [server.url(BASE + "next"), "-w", "#%{num_connects}#", "--next", "-sS", "--noproxy", "*",
                      "--data-binary", f"answer {number}", "-w", "#%{num_connects}#",
                      server.url(BASE + request_id(number) + "/response"), "--next", "-sS", "--noproxy", "*"]
        # The last /next is given up: that is how this ends.
        said = subprocess.run(["curl", "-sS", "--noproxy", "*", *words, "--max-time", "1", server.url(BASE + "next")],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE_S).stdout
        ok = b'{"status":"OK"}#0#'
        tap.equal(said, b"{}#1#" + ok + b"[1]#0#" + ok + b"#0#" + ok)
        for number in (1, 2, 3):
            tap.equal(server.answer(), ("ok", "-", b"answer %d" % number))
        server.done()


def test_a_bootstrap_in_bash_and_curl():
    """The one of AWS's tutorial: a connection for each call, the id from the headers."""
    script = r"""
    set -euo pipefail
    headers=$(mktemp)
    for i in 1 2 3; do
      event=$(curl -sS --noproxy '*' -LD "$headers" "http://$API/2018-06-01/runtime/invocation/next")
      id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
      curl -sS --noproxy '*' "http://$API/2018-06-01/runtime/invocation/$id/response" -d "echo $event" >/dev/null
    done
    rm "$headers"
    curl -sS --noproxy '*' --max-time 1 "http://$API/2018-06-01/runtime/invocation/next" || true
    """
    with Server([b"one", b"two", b"three"]) as server:
        run("bash", "-c", script, env={"PATH": "/usr/bin:/bin", "API": f"127.0.0.1:{server.port}"},
            stderr=subprocess.DEVNULL)
        for event in (b"one", b"two", b"three"):
            tap.equal(server.answer(), ("ok", "-", b"echo " + event))
        server.done()


def test_curl_with_a_mebibyte_each_way():
    for head in ("Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked"):
        with Server([MIB]) as server, tempfile.NamedTemporaryFile() as file:
            tap.equal(curl(server.url(BASE + "next")) == MIB, True, "the event")
            file.write(MIB)
            file.flush()
            said = curl("-i", "-H", head, "--data-binary", "@" + file.name,
                        server.url(BASE + request_id(1) + "/response"))
            tap.equal(b"HTTP/1.1 100 Continue" in said, head.endswith("continue"), head)
            tap.equal(said.endswith(b'{"status":"OK"}'), True, head)
            outcome, _, body = server.answer()
            tap.equal((outcome, body == MIB), ("ok", True), head)


def test_curl_hears_that_its_answer_is_too_large():
    with Server([b"{}"], area=1 << 16) as server, tempfile.NamedTemporaryFile() as file:
        curl(server.url(BASE + "next"))
        file.write(MIB)
        file.flush()
        said = curl("-i", "--data-binary", "@" + file.name, server.url(BASE + request_id(1) + "/response"))
        tap.equal(b"HTTP/1.1 413 Request Entity Too Large" in said, True)
        tap.equal(server.answer(), ("too_large", "-", b""))


def http_client_round(server, connection, number, event):
    connection.request("GET", BASE + "next")
    got = connection.getresponse()
    tap.equal((got.status, got.read()), (200, event))
    tap.equal(got.getheader("Lambda-Runtime-Aws-Request-Id"), request_id(number))
    tap.equal(int(got.getheader("Lambda-Runtime-Deadline-Ms")) > time.time() * 1000, True)
    tap.equal(got.getheader("Lambda-Runtime-Trace-Id"), None)
    connection.request("POST", f"{BASE}{request_id(number)}/error", b'{"errorType":"E"}',
                       {"Lambda-Runtime-Function-Error-Type": "Function.Broke"})
    got = connection.getresponse()
    tap.equal((got.status, got.read()), (202, b'{"status":"OK"}'))
    tap.equal(server.answer(), ("function_error", "Function.Broke", b'{"errorType":"E"}'))


def test_python_http_client():
    for keeps in (True, False):
        with Server([b"a", b"b", b"c"]) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
            for number, event in enumerate((b"a", b"b", b"c"), 1):
                http_client_round(server, connection, number, event)
                if not keeps:
                    connection.close()
            connection.request("GET", BASE + "next")
            server.done()
            connection.close()


def test_an_init_error_with_a_fresh_connection():
    with Server([b"a"]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        connection.request("POST", "/2018-06-01/runtime/init/error", b"{}",
                           {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})
        tap.equal(connection.getresponse().status, 202)
        connection.close()
        tap.equal(server.answer(), ("init_failed", "Runtime.ImportModuleError", b"{}"))
        tap.equal(server.process.wait(PATIENCE_S), 0)


NODE = r"""
const http = require('http');
const agent = new http.Agent({keepAlive: process.argv[3] === 'keep', maxSockets: 1});
const call = (method, path, headers, write) => new Promise((resolve, reject) => {
  const request = http.request({host: '127.0.0.1', port: process.argv[2], method, path, headers, agent}, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part));
    answer.on('end', () => resolve({answer, body: Buffer.concat(parts)}));
  });
  request.on('error', reject);
  write(request);
});
(async () => {
  for (let i = 0; i < 3; ++i) {
    const next = await call('GET', '/2018-06-01/runtime/invocation/next', {}, (r) => r.end());
    const id = next.answer.headers['lambda-runtime-aws-request-id'];
    const headers = {'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked',
                     'Content-Type': 'application/vnd.awslambda.http-integration-response',
                     'Trailer': 'Lambda-Runtime-Function-Error-Type,Lambda-Runtime-Function-Error-Body'};
    const done = await call('POST', `/2018-06-01/runtime/invocation/${id}/response`, headers, async (r) => {
      r.write('{"statusCode":200}');
      r.write(Buffer.alloc(8));
      await new Promise((later) => setTimeout(later, 20));
      r.write(next.body);
      if (i === 2) {
        r.addTrailers({'Lambda-Runtime-Function-Error-Type': 'Function.Midway',
                       'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"M"}').toString('base64')});
      }
      r.end();
    });
    if (done.answer.statusCode !== 202) throw new Error('status ' + done.answer.statusCode);
  }
  call('GET', '/2018-06-01/runtime/invocation/next', {}, (r) => r.end()).catch(() => process.exit(0));
})();
"""


def test_node_streams_its_answers():
    node = shutil.which("node")
    if node is None:
        raise tap.Skip("no node on this machine")
    for keeps in ("keep", "close"):
        with Server([b"a", MIB, b"c"]) as server:
            client = subprocess.Popen([node, "-e", NODE, "-", str(server.port), keeps])
            try:
                prelude = b'{"statusCode":200}' + bytes(8)
                tap.equal(server.answer(), ("ok", "-", prelude + b"a"))
                tap.equal(server.answer() == ("ok", "-", prelude + MIB), True, "a mebibyte")
                tap.equal(server.answer(), ("function_error", "Function.Midway", b'{"errorType":"M"}'))
                server.done()
                client.wait(PATIENCE_S)
            finally:
                client.kill()
                client.wait()


def test_byte_by_byte():
    with Server([b"a", b"b"]) as server, server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in (1, 2):
            for text in (raw("GET", BASE + "next"), raw("POST", f"{BASE}{request_id(number)}/response", b"0123456789")):
                for byte in text:
                    connection.sendall(bytes([byte]))
                hear(connection)
            tap.equal(server.answer(), ("ok", "-", b"0123456789"))
        connection.sendall(raw("GET", BASE + "next"))
        server.done()


def test_everything_at_once():
    """A client that does not wait for answers: all requests of two invocations in one go."""
    with Server([b"a", b"b"]) as server, server.connect() as connection:
        connection.sendall(b"".join(raw("GET", BASE + "next") + raw("POST", f"{BASE}{request_id(number)}/response", b"x")
                                    for number in (1, 2)) + raw("GET", BASE + "next"))
        for _ in (1, 2):
            tap.equal(server.answer(), ("ok", "-", b"x"))
        server.done()


def test_one_that_hangs_up_is_told_again():
    with Server([MIB]) as server:
        with server.connect() as lost:
            lost.sendall(raw("GET", BASE + "next"))
            lost.recv(1000)
        with server.connect() as connection:
            connection.sendall(raw("GET", BASE + "next"))
            tap.equal(hear(connection)[1] == MIB, True)
            connection.sendall(raw("POST", f"{BASE}{request_id(1)}/response", b"x"))
            tap.equal(server.answer(), ("ok", "-", b"x"))


def test_one_that_closes_half():
    """What `nc -N` does: the request, an end, and then it reads."""
    with Server([b"a"]) as server:
        for text in (raw("GET", BASE + "next"), raw("POST", f"{BASE}{request_id(1)}/response", b"x")):
            with server.connect() as connection:
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
                hear(connection)
        tap.equal(server.answer(), ("ok", "-", b"x"))


def test_an_answer_that_breaks_off():
    with Server([b"a", b"b"]) as server:
        with server.connect() as connection:
            connection.sendall(raw("GET", BASE + "next"))
            hear(connection)
            connection.sendall(raw("POST", f"{BASE}{request_id(1)}/response", b"0123456789")[:-1])
        tap.equal(server.answer(), ("truncated", "-", b""))
        tap.equal(curl(server.url(BASE + "next")), b"b")


def test_connections_that_never_end_their_request():
    with Server([b"a"]) as server, contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(server.connect())
            with contextlib.suppress(OSError):  # hung up on already
                connection.sendall(b"GET /2018-06-01/run")
        tap.equal(tap.eventually(lambda: curl_or_nothing(server), "an event for who behaves", PATIENCE_S / 2), b"a")


def curl_or_nothing(server):
    try:
        return curl(server.url(BASE + "next"), stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        return b""


def test_one_that_never_reads():
    with Server([MIB]) as server, server.connect() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(raw("GET", BASE + "next"))
        deaf.settimeout(0.5)
        with contextlib.suppress(OSError):  # until it would wait
            while True:
                deaf.send(raw("GET", "/2018-06-01/ping") * 1000)
        tap.equal(curl(server.url(BASE + "next")) == MIB, True)
        curl("-d", "x", server.url(BASE + request_id(1) + "/response"))
        tap.equal(server.answer(), ("ok", "-", b"x"))


if __name__ == "__main__":
    build = pathlib.Path(sys.argv[1])
    sys.exit(tap.run(sys.modules[__name__]))
