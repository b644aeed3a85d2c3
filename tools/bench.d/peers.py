"""What `tools/bench http` compares with, and what it loads all of them with. Servers run on SERVER_CPU with all their
processes, the client on CLIENT_CPU; a namespace is a network namespace's name, None: this one.

nginx has one worker process, as the one CPU asks for, no access log, and connections to the process behind it that
stay open."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from programs import BenchError

SERVER_CPU = str(min(1, (os.cpu_count() or 1) - 1))
CLIENT_CPU = "0"
BODY = '{"name": "Ada", "number": 42, "text": "as small as they often are"}'  # 66 bytes
ECHO = "/2015-03-31/functions/echo/invocations"
PATIENCE_S = 10
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 75s; default_type application/json;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  upstream peer {{ server unix:{folder}/peer.sock; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen {listen} backlog=4096;
    location = /static {{ return 200 "ok"; }}
    location / {{ proxy_pass http://peer; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
WORKERD = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "{listen}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [(name = "main", esModule = "export default {{ async fetch(request) {{ return new Response(request.body) }} }}")],
  compatibilityDate = "2024-01-01"
);
"""


def within(namespace, words, cpu):
    entered = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
    return [*entered, "taskset", "-c", cpu, *map(str, words)]


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url, namespace):
    data = ["-d", BODY] if url.endswith("/invocations") else []
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "1", *data, url]
    return subprocess.run(within(namespace, words, CLIENT_CPU), text=True, capture_output=True, check=False).stdout == "200"


def wait_for(url, namespace, what):
    limit = time.monotonic() + PATIENCE_S
    while not answers(url, namespace):
        if time.monotonic() > limit:
            raise BenchError(f"{what} did not answer at {url}")
        time.sleep(0.05)


@contextlib.contextmanager
def running(namespace, words, log):
    with open(log, "ab") as out, subprocess.Popen(within(namespace, words, SERVER_CPU), stdin=subprocess.DEVNULL, stdout=out,
                                                  stderr=out, env=CLEAN) as process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            process.kill()


def nginx_program():
    """None: it is not here."""
    return shutil.which("nginx", path=CLEAN["PATH"])


@contextlib.contextmanager
def nginx(build, listen=None, namespace=None, client=None):
    """Yields its URL: /static is answered at once, all else by a process behind a Unix socket. `client`: the
    namespace it is asked from."""
    listen = listen or f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        os.chmod(folder, 0o777)  # its worker is another user
        config = pathlib.Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, listen=listen))
        behind = [build / "tools/bench.d/skerry-bench-peer", f"{folder}/peer.sock"]
        with running(namespace, behind, f"{folder}/peer.log"):
            wait_until(lambda: os.path.exists(f"{folder}/peer.sock"), "skerry-bench-peer")
            os.chmod(f"{folder}/peer.sock", 0o777)
            with running(namespace, ["nginx", "-c", config, "-e", f"{folder}/early.log"], f"{folder}/out.log"):
                wait_for(f"http://{listen}/static", client, "nginx")
                wait_for(f"http://{listen}{ECHO}", client, "the process behind nginx")
                yield f"http://{listen}"


def wait_until(there, what):
    limit = time.monotonic() + PATIENCE_S
    while not there():
        if time.monotonic() > limit:
            raise BenchError(f"{what} did not start")
        time.sleep(0.01)


@contextlib.contextmanager
def workerd(program, listen=None, namespace=None, client=None):
    """Yields its URL: every request gets its body back."""
    listen = listen or f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        config = pathlib.Path(folder) / "config.capnp"
        config.write_text(WORKERD.format(listen=listen))
        with running(namespace, [program, "serve", config], f"{folder}/out.log"):
            wait_for(f"http://{listen}{ECHO}", client, "workerd")
            yield f"http://{listen}"


UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]


def wrk(url, connections, seconds, namespace=None, body=BODY, close=False, headers=()):
    """One run of wrk, one thread: {"per_s", "p50_us", "p99_us"} of answers with a status below 400. None of the others
    may be there. Without a body it asks with GET. `close`: a connection for each request."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", prefix="skerry-bench-") as script:
        if body is not None:
            script.write(f"wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n")
        for name, value in headers:
            script.write(f"wrk.headers['{name}'] = '{value}'\n")
        if close:
            script.write("wrk.headers['Connection'] = 'close'\n")
        script.flush()
        words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", script.name, url]
        done = subprocess.run(within(namespace, words, CLIENT_CPU), text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    said = done.stdout
    if "Non-2xx" in said or ("Socket errors" in said and not close):
        raise BenchError(f"{url}: not all answers were good:\n{said}")
    found = dict(re.findall(r"^\s+(50|99)%\s+(\S+)$", said, re.M))
    return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)),
            "p50_us": microseconds(found["50"]), "p99_us": microseconds(found["99"])}
