"""5,000 routes reloaded under load: no request is dropped, and each is answered by one table. And what waits for a compilation."""
import collections
import contextlib
import json
import random
import socket
import sys
import threading
import time

import rig
import tap
from client import socket_in
from http_clients import curl
from tap import equal, eventually

LITERALS, PARAMETERS, EXPRESSIONS = 4900, 60, 40
CONNECTIONS = 6
RELOADS = 6
# Each function says which table led to it, and what that table called the path's parameter.
ANSWERS = '''
import json

def said(table, event):
    return {"statusCode": 200, "body": json.dumps({"table": table, "path": event["rawPath"], "params": event.get("pathParameters", {})})}

def a(event, context):
    return said("a", event)

def b(event, context):
    return said("b", event)
'''
PREFLIGHT = ("-X", "OPTIONS", "-H", "Origin: https://shop.example", "-H", "Access-Control-Request-Method: POST")


def literal(number):
    return f"/shop/{number}/items"


def routes_of(table):
    """The same paths for both tables; parameters are called by the table's name, expressions are written differently."""
    paths = [literal(n) for n in range(LITERALS)]
    paths += [f"/part{n}/:{table}" for n in range(PARAMETERS)]
    digits = {"a": "[0-9]+", "b": "[0-9]{1,9}"}[table]
    paths += [f"~/x{n}-{digits}" for n in range(EXPRESSIONS)]
    return {"version": 1, "routes": [{"path": path, "function": table, "auth": "NONE"} for path in paths]}


Asked = collections.namedtuple("Asked", "began ended table")


class Load(threading.Thread):
    """One connection that is kept, one request after the other, each answer checked."""

    def __init__(self, lab, ending, seed):
        super().__init__()
        self.sock = tcp_in(lab)
        self.ending, self.random = ending, random.Random(seed)
        self.asked, self.wrong = [], None

    def run(self):
        try:
            with self.sock:
                while not self.ending.is_set():
                    self.ask()
        except Exception as error:  # noqa: BLE001: the test says what it was
            self.wrong = error

    def ask(self):
        kind, number = self.random.random(), self.random.randrange(1 << 20)
        path = (literal(number % LITERALS) if kind < 0.8 else f"/part{number % PARAMETERS}/{number}" if kind < 0.9
                else f"/x{number % EXPRESSIONS}-{number}")
        began = time.monotonic()
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        head, body = self.answer()
        ended = time.monotonic()
        equal(head.split(b"\r\n")[0], b"HTTP/1.1 200 OK", path)
        said = json.loads(body)
        equal(said["path"], path)
        equal(list(said["params"]), [said["table"]] if 0.8 <= kind < 0.9 else [], "of which table the parameter's name is")
        self.asked.append(Asked(began, ended, said["table"]))

    def answer(self):
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.more()
        head, _, body = text.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += self.more()
        equal(len(body), length, "an answer's length")
        return head, body

    def more(self):
        piece = self.sock.recv(65536)
        assert piece, "the connection was closed"
        return piece


def tcp_in(lab):
    sock = socket_in(lab.plan.namespace("client"), (lab.plan.address("pop"), 8080), socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(10)
    return sock


@contextlib.contextmanager
def under_load(lab):
    ending = threading.Event()
    clients = [Load(lab, ending, seed) for seed in range(CONNECTIONS)]
    for each in clients:
        each.start()
    try:
        yield clients
    finally:
        ending.set()
        for each in clients:
            each.join()


def test_two_functions_and_the_first_table(lab):
    folder = lab.new_folder()
    (folder / "app.py").write_text(ANSWERS)
    lab.files = {}
    for table in "ab":
        lab.ctl("function", "deploy", table, "--artifact", folder, "--runtime", "python3", "--handler", f"app.{table}",
                "--place", "pop", "--warm-min", "2", "--warm-max", "2", "--timeout-ms", "10000")
        lab.files[table] = folder / f"{table}.json"
        lab.files[table].write_text(json.dumps(routes_of(table)))
    equal(len(lab.ctl("route", "load", lab.files["a"])["routes"]), 5000)
    eventually(lambda: curl(lab, "/part1/1").status == 200, "table a answers")


def test_reloads_under_load(lab):
    # (table, asked to be loaded, acknowledged)
    loads = [("a", 0.0, 0.0)]
    with under_load(lab) as clients:
        time.sleep(0.3)
        for number in range(RELOADS):
            table = "ba"[number % 2]
            began = time.monotonic()
            lab.ctl("route", "load", lab.files[table])
            loads.append((table, began, time.monotonic()))
            time.sleep(0.3)
    for each in clients:
        if each.wrong:
            raise each.wrong
    loads.append(("", float("inf"), float("inf")))
    # A table may answer from when it was asked for until the next one is acknowledged.
    for asked in (one for each in clients for one in each.asked):
        could = {now[0] for now, after in zip(loads, loads[1:]) if now[1] <= asked.ended and asked.began <= after[2]}
        assert asked.table in could, (asked, loads)
    for table, _, acknowledged in loads[:-1]:
        ours = [one for each in clients for one in each.asked if one.table == table and one.began > acknowledged]
        assert len(ours) > 20, f"too little load: {len(ours)}"
    total = sum(len(each.asked) for each in clients)
    slowest = max(after - before for _, before, after in loads[1:-1])
    print(f"# {total} requests over {CONNECTIONS} connections, {RELOADS} reloads, the slowest {slowest:.2f} s")


# A browser asks before it sends: without a signature, as it can't sign that. A route of its own answers.
def test_a_browser_may_ask_before_it_signs(lab):
    folder = lab.new_folder()
    (folder / "app.py").write_text('''
def preflight(event, context):
    return {"statusCode": 204, "headers": {"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Methods": "POST"}}
''')
    lab.ctl("function", "deploy", "cors", "--artifact", folder, "--runtime", "python3", "--handler", "app.preflight",
            "--place", "pop", "--warm-min", "1", "--timeout-ms", "10000")
    (folder / "routes.json").write_text(json.dumps({"version": 1, "routes": [
        {"path": "/orders/:id", "function": "a"},
        {"path": "/orders/:id", "function": "cors", "methods": ["OPTIONS"], "auth": "NONE"}]}))
    lab.ctl("route", "load", folder / "routes.json")
    answer = curl(lab, "/orders/1", *PREFLIGHT)
    equal((answer.status, answer.field("Access-Control-Allow-Origin")), (204, "https://shop.example"))
    equal(curl(lab, "/orders/1", "-X", "POST").status, 403)


# Routes that take seconds to compile are waited for by those who change routes, and by nobody else.
def test_a_long_compilation_holds_up_no_one_else(lab):
    slow = lab.new_folder() / "slow.json"
    expressions = [f"~/(a{n}|b|cc)/[a-z]{{1,60}}/[0-9a-z]{{3,40}}" for n in range(200)]
    slow.write_text(json.dumps({"version": 1, "routes": [{"path": each, "function": "a"} for each in expressions]}))
    done = []
    began = time.monotonic()
    loading = threading.Thread(target=lambda: done.append(lab.ctl("route", "load", slow, check=False)))
    loading.start()
    time.sleep(0.3)
    waiting = [threading.Thread(target=lambda: done.append(lab.ctl("route", "delete", "99999", check=False))) for _ in range(9)]
    for each in waiting:
        each.start()
    eventually(lambda: any("busy" in each.stderr for each in done), "some are told that it is busy")
    assert loading.is_alive(), "too quick to say anything"
    equal(len(lab.ctl("function", "list")["functions"]), 3)
    equal(curl(lab, "/orders/1", *PREFLIGHT).status, 204)
    assert loading.is_alive(), "the list came after the compilation"
    for each in (loading, *waiting):
        each.join()
    print(f"# all of it: {time.monotonic() - began:.1f} s")
    equal(len(lab.ctl("route", "list")["routes"]), 200)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "f", regions=1) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
