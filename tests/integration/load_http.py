"""skerry-load as an HTTP client on a DPDK port: of skerryd, over a memif between the two processes, and of a kernel's
server, over a veth. Idle connections, a SYN flood, and whom it refuses to flood."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import tap
from ports import CLIENT, SERVER, Host
from tap import equal, eventually

KERNEL_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200 if self.path == "/chunked" else 404)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(50): self.wfile.write(b"3e8\\r\\n" + b"x" * 1000 + b"\\r\\n")
            self.wfile.write(b"0\\r\\n\\r\\n")
        else:
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def load(host, *words, command="http"):
    return host.inside(host.build / "tools/load/skerry-load", command, *words, check=False)


def report(host, *words, command="http"):
    done = load(host, *words, "--json", "--quiet", command=command)
    equal(done.returncode, 0, done.stderr[-500:])
    return json.loads(done.stdout)


@contextlib.contextmanager
def pop(build):
    """A POP at one end of a memif; and the arguments of who comes to the other."""
    with Host(build, "h") as host:
        socket = f"{host.folder.name}/memif.sock"
        host.start(f"net_memif0,role=server,id=0,socket={socket},socket-abstract=no")
        eventually(lambda: os.path.exists(socket), "the memif's socket")
        yield host, ("--port", f"net_memif0,role=client,id=0,socket={socket},socket-abstract=no", "--address", f"{CLIENT}/24")


@contextlib.contextmanager
def kernel(build):
    """A kernel's HTTP server at one end of a veth."""
    with Host(build, "k") as host:
        other = host.veth()
        with subprocess.Popen(["ip", "netns", "exec", other, sys.executable, "-c", KERNEL_SERVER], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as server:
            try:
                equal(server.stdout.readline(), b"ready\n")
                yield host, ("--port", "net_af_packet0,iface=port0", "--address", "10.77.0.3/24")
            finally:
                server.kill()


def test_requests_of_a_pop(build):
    with pop(build) as (host, port):
        host.deploy_echo()
        url = f"http://{SERVER}:8080"
        open_loop = report(host, f"{url}/healthz", *port, "--rate", 2000, "--duration", 1, "--connections", 8)
        equal(open_loop["status"], {"200": open_loop["answered"]})
        assert 1900 <= open_loop["answered"] <= 2001, open_loop
        equal(open_loop["latency_us"]["ok"]["count"], open_loop["answered"])
        invoke = "/2015-03-31/functions/echo/invocations"
        closed_loop = report(host, url + invoke, *port, "--body", "x" * 5000, "--duration", 1, "--connections", 4)
        equal(closed_loop["status"], {"200": closed_loop["answered"]})
        equal(closed_loop["body_bytes"], 5000 * closed_loop["answered"])
        missing = report(host, url + invoke.replace("echo", "nobody"), *port, "--method", "POST", "--rate", 100, "--duration", 0.5)
        equal(list(missing["status"]), ["404"])
        equal(missing["latency_us"]["others"]["count"], missing["answered"])
        new = report(host, f"{url}/healthz", *port, "--requests-each", 1, "--duration", 0.5, "--connections", 4)
        assert new["connected"] >= new["answered"] > 100, new
        equal((new["cut_off"], new["malformed"], new["unasked"], new["not_connected"]), (0, 0, 0, 0), new)


def test_idle_connections_and_a_flood(build):
    with pop(build) as (host, port):
        url = f"http://{SERVER}:8080/healthz"
        words = ("--rate", 1000, "--duration", 1, "--connections", 8)
        held = report(host, url, *port, *words, "--idle", 3000, "--addresses", 2)
        equal(held["idle"], {"held": 3000, "lost": 0})
        equal(held["status"], {"200": held["answered"]})
        flooded = report(host, url, *port, *words, "--flood-rate", 20000)
        equal((flooded["status"], flooded["timed_out"]), ({"200": flooded["answered"]}, 0))
        assert flooded["answered"] > 800 and flooded["flood"]["sent"] > 1000, flooded
        reasons = host.ctl("stats")["reasons"]
        assert reasons["tcp_cookie_sent"]["count"] > 0, "no SYN cookies"
        alone = report(host, f"http://{SERVER}:8080", *port, "--rate", 5000, "--duration", 1, command="syn-flood")
        assert 2000 < alone["flood"]["sent_per_s"] < 5100, alone


def test_new_clients_in_a_flood_that_is_not_answered(build):
    """More SYNs than a core answers: clients get through with their second one."""
    with pop(build) as (host, port):
        url = f"http://{SERVER}:8080/healthz"
        new = report(host, url, *port, "--requests-each", 1, "--rate", 200, "--duration", 4, "--connections", 400,
                     "--flood-rate", 1_500_000)
        equal((list(new["status"]), new["not_connected"], new["timed_out"]), (["200"], 0, 0), new)
        assert new["answered"] > 200, new
        # With the second SYN, after a second, or a machine's delay: the third comes after three.
        assert new["latency_us"]["connect"]["p90"] < 2_900_000, new["latency_us"]
        reasons = host.ctl("stats")["reasons"]
        unanswered = reasons.get("drop_tcp_syn_budget", {"count": 0})["count"]
        # A machine with other things to do may not make as many.
        assert unanswered > 0 or new["flood"]["sent_per_s"] < 400_000, (unanswered, new["flood"])


def test_of_a_kernels_server(build):
    with kernel(build) as (host, port):
        url = f"http://{CLIENT}:8080"
        chunked = report(host, f"{url}/chunked", *port, "--connections", 2, "--duration", 1)
        equal(chunked["status"], {"200": chunked["answered"]})
        equal(chunked["body_bytes"], 50000 * chunked["answered"])
        body = pathlib.Path(host.folder.name) / "body"
        body.write_bytes(os.urandom(300_000))
        large = report(host, f"{url}/echo", *port, "--body", f"@{body}", "--connections", 2, "--duration", 1)
        equal(large["status"], {"200": large["answered"]})
        equal(large["body_bytes"], 300_000 * large["answered"])
        each = report(host, f"{url}/none", *port, "--requests-each", 5, "--connections", 2, "--duration", 1)
        assert each["answered"] >= 5 * (each["connected"] - 2) > 0, each
        closing = report(host, f"{url}/none", *port, "--requests-each", 1, "--connections", 2, "--duration", 1)
        equal((list(closing["status"]), closing["cut_off"]), (["404"], 0))


def test_exit_codes(build):
    with kernel(build) as (host, port):
        url = f"http://{CLIENT}:8080/none"
        quick = (*port, "--duration", 0.2, "--quiet", "--connections", 1)
        equal(load(host, url, *quick).returncode, 0)
        for what, words, code, text in (
                ("not a URL", (f"{CLIENT}:8080", *quick), 2, "http://ADDRESS[:PORT]/PATH"),
                ("no port", (url,), 2, "--port"),
                ("not a header", (url, *quick, "--header", "x"), 2, "Name: value"),
                ("no such body", (url, *quick, "--body", "@/nonexistent"), 2, "/nonexistent"),
                ("more addresses than there are", (url, *quick, "--addresses", 254), 2, "are needed"),
                ("a flood into a network", (url, *quick, "--flood-rate", 10), 2, "--flood-network"),
                ("a flood into another", (url, *quick, "--flood-rate", 10, "--flood-network", "10.78.0.0/16"), 2,
                 "is not in --flood-network"),
                ("a flood from everywhere", (url, *quick, "--flood-rate", 10, "--flood-network", "10.77.0.0/24",
                                             "--flood-from", "0.0.0.0/0"), 2, "--flood-from"),
                ("nobody is there", ("http://10.77.0.77:8080", *quick), 1, "nobody answers for 10.77.0.77"),
                ("nobody listens", (url.replace("8080", "81"), *quick), 3, "")):
            done = load(host, *words)
            equal(done.returncode, code, (what, done.stdout, done.stderr))
            assert text in done.stderr, (what, done.stderr)
        allowed = report(host, url, *quick, "--flood-rate", 100, "--flood-network", "10.77.0.0/24")
        assert allowed["flood"]["sent"] > 0, allowed


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules[__name__], sys.argv[1]))
