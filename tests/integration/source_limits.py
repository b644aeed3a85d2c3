"""Limits of one source and of one function, and whose datagrams may invoke: as ordinary clients meet them, each address of the
client's host being a source."""
import json
import re
import subprocess
import sys
import tempfile

import rig
import tap
from http_clients import INVOKE, invoke
from tap import equal, eventually

# Slow enough to fill, that a busy machine's second of delay decides nothing.
LIMITS = """
[limits]
source_per_s = 5
source_burst = 20
source_connections = 8
shed_ms = 300
"""
NEIGHBOUR, GREEDY = "10.77.0.3", "10.77.0.4"

# Opens connections and holds them; how many were reset.
CONNECT = """
import socket, sys, time
held, reset = [], 0
for _ in range(12):
    try:
        held.append(socket.create_connection((sys.argv[1], 8080), timeout=5, source_address=(sys.argv[2], 0)))
    except ConnectionResetError:  # it came before connect() had returned
        reset += 1
time.sleep(0.3)
for each in held:
    each.setblocking(False)
    try:
        each.recv(1)
    except BlockingIOError:
        pass
    except ConnectionResetError:
        reset += 1
print(reset)
"""


def statuses(lab, times, *options, v6=False, name="echo"):
    """Of so many requests on one connection; and what the last one was told."""
    url = lab.plan.pop_url(6 if v6 else None) + INVOKE.format(name)
    body = lab.new_folder() / "body"
    words = ["curl", "-sS", "--max-time", "20", "-w", "%{http_code}\n", *options]
    for _ in range(times):
        words += ["-d", "x", "-o", body, url]
    done = lab.run(*words)
    return done.stdout.split(), body.read_text() if body.exists() else ""


def reason(text):
    return json.loads(text)["Reason"]


def test_functions_to_be_called(lab):
    for address in (NEIGHBOUR, GREEDY):
        equal(lab.run("ip", "addr", "add", f"{address}/24", "dev", "dp0").returncode, 0)
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
    lab.deploy("seldom", "echo", "--place", "pop", "--warm-min", "1", "--max-per-s", "1", "--max-burst", "3")
    lab.deploy("far", "echo", "--place", "region", "--warm-min", "1")


def test_a_source_over_its_limit_is_told(lab):
    found, told = statuses(lab, 30, "--interface", NEIGHBOUR)
    equal(found[:15], ["200"] * 15)
    equal((found[-1], reason(told)), ("429", "CallerRateLimitExceeded"), found)
    assert lab.reasons()["refused_source_rate"] > 0, lab.reasons()
    # Another address is another source.
    equal(statuses(lab, 5)[0], ["200"] * 5)


def test_who_does_not_stop_is_not_heard_and_others_are(lab):
    words = ["ip", "netns", "exec", lab.plan.namespace("client"), "wrk", "-t1", "-c4", "-d3s", lab.plan.pop_url() + "/healthz"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as attacker:
        eventually(lambda: lab.reasons()["drop_source_shed"] > 0, "the attacker's frames are dropped")
        for _ in range(7):  # a connection and a request each
            answer = invoke(lab, "echo", b"x", "--interface", GREEDY)
            equal((answer.status, answer.body), (200, b"x"), answer.errors)
        said = attacker.communicate()[0]
    assert int(re.search(r"(\d+) requests in", said).group(1)) > 0 and "Non-2xx" in said, said
    eventually(lambda: invoke(lab, "echo", b"x", "--max-time", "1").status == 200, "it is heard again, once it has stopped")


def test_connections_of_one_source(lab):
    before = lab.reasons()["tcp_closed_source"]
    eventually(lambda: invoke(lab, "echo", b"x", "--interface", NEIGHBOUR).status == 200, "there is something left for it")

    def opened():
        done = lab.run(sys.executable, "-c", CONNECT, lab.plan.address4("pop"), NEIGHBOUR)
        return done.returncode == 0 and int(done.stdout) >= 4
    eventually(opened, "eight are held, the others reset")
    assert lab.reasons()["tcp_closed_source"] >= before + 4, lab.reasons()


def test_a_function_over_its_limit(lab):
    found, told = statuses(lab, 8, v6=True, name="seldom")
    equal(found[:3], ["200"] * 3)
    equal((found[-1], reason(told)), ("429", "FunctionInvocationRateLimitExceeded"), found)
    seldom = lab.ctl("function", "describe", "seldom")
    assert seldom["throttled"] > 0 and seldom["limits"]["max_per_s"] == 1, seldom
    equal(lab.ctl("function", "describe", "echo")["throttled"], 0)


def test_datagrams(lab):
    client = lab.client()
    eventually(lambda: rig.status(client.invoke("echo", b"x")) == "ok", "there is something left for it")
    eventually(lambda: rig.status(client.invoke("echo", b"x")) == "caller_rate", "it has used that up")


def test_whose_datagrams_may_invoke(lab):
    equal(rig.status(lab.client(v6=True).invoke("echo", b"x")), "not_allowed")
    assert lab.reasons()["refused_datagram"] > 0, lab.reasons()
    # What regions answer is no invocation.
    answer = invoke(lab, "far", b"x", v6=True)
    equal((answer.status, answer.body), (200, b"x"), answer.errors)


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as more:
        more.write(LIMITS)
        more.flush()
        settings = [f"more={more.name}", 'invoke_from=["10.77.0.0/24"]']
        with rig.Rig(sys.argv[1], "y", regions=1, settings=settings) as the_lab:
            sys.exit(tap.run(sys.modules[__name__], the_lab))
