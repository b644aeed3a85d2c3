"""HTTP on the packet path, and tools that others made to load it, to hurt it and to use it: wrk, ab, h2load, slowhttptest, boto3."""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import rig
import tap
from tap import equal, eventually

ECHO = "/2015-03-31/functions/echo/invocations"
MIB = 1 << 20


def url(lab, path=ECHO):
    return lab.plan.pop_url() + path


def curl(lab, path=ECHO, data="still there"):
    return lab.run("curl", "-sS", "--max-time", "10", *(("-d", data) if data is not None else ()), url(lab, path))


def file_with(lab, data):
    path = lab.new_folder() / "data"
    path.write_bytes(data)
    return path


def test_a_function_to_be_called(lab):
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1", "--max-payload-bytes", str(6 * MIB),
               "--timeout-ms", "20000")
    equal(curl(lab).stdout, "still there")


def test_wrk(lab):
    script = lab.new_folder() / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.body = "0123456789"\nwrk.headers["Content-Type"] = "application/json"\n')
    for words in (["-s", script, url(lab)], [url(lab, "/healthz")]):
        done = lab.run("wrk", "-t1", "-c32", "-d3s", *words)
        equal(done.returncode, 0, done.stderr)
        assert int(re.search(r"(\d+) requests in", done.stdout).group(1)) > 0, done.stdout
        assert "Socket errors" not in done.stdout, done.stdout
        # A function has one worker here: when it has enough to do, some hear 429.
        assert words[0] == "-s" or "Non-2xx" not in done.stdout, done.stdout


def test_ab_with_and_without_keep_alive(lab):
    data = file_with(lab, b"x" * 3000)
    for words in ([], ["-k"]):
        done = lab.run("ab", "-q", "-n", "1000", "-c", "8", "-s", "20", *words, "-p", data, "-T", "application/json", url(lab))
        equal(done.returncode, 0, done.stderr)
        equal(re.search(r"Complete requests:\s+(\d+)", done.stdout).group(1), "1000", done.stdout)
        failed = re.search(r"Failed requests:\s+(\d+)(?:\s+\(Connect: (\d+), Receive: (\d+))?", done.stdout)
        assert failed.group(1) == "0" or (failed.group(2), failed.group(3)) == ("0", "0"), done.stdout


def test_h2load(lab):
    done = lab.run("h2load", "--h1", "-n", "2000", "-c", "16", "-m", "1", "-d", file_with(lab, b"{}"), url(lab))
    equal(done.returncode, 0, done.stderr)
    found = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
                      done.stdout)
    equal(found.group(1, 2, 5, 6), ("2000", "2000", "0", "0"), done.stdout)


def test_hey(lab):
    """Go's net/http as a client: what bombardier's --http1 mode and vegeta are made of, too."""
    for words in ([], ["-disable-keepalive"]):
        done = lab.run("hey", "-n", "2000", "-c", "20", "-m", "POST", "-D", file_with(lab, b"{}" * 500), *words, url(lab))
        equal(done.returncode, 0, done.stderr)
        statuses = {int(code): int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", done.stdout)}
        equal(sum(statuses.values()), 2000, done.stdout)
        assert statuses.get(200, 0) > 0 and set(statuses) <= {200, 429}, done.stdout
        assert "Error distribution" not in done.stdout, done.stdout


def test_fasthttp(lab):
    """bombardier's engine, as its default client sets it up: small bodies, chunked ones, the largest, and none."""
    for words, count in ((["-c", "20", "-n", "4000", "-b", "500"], 4000), (["-c", "8", "-n", "400", "-b", "20000", "-stream"], 400),
                         (["-c", "3", "-n", "12", "-b", str(6 * MIB)], 12)):
        done = lab.run(lab.plan.build / "tests/integration/fasthttp/fasthttp-load", *words, "-echoed", url(lab))
        equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        equal((found["errors"], found["wrong"], sum(found["statuses"].values())), ({}, 0, count), done.stdout)
        assert found["statuses"].get("200", 0) > 0 and set(found["statuses"]) <= {"200", "429"}, done.stdout
    done = lab.run(lab.plan.build / "tests/integration/fasthttp/fasthttp-load", "-c", "20", "-n", "4000", "-b", "0", "-m", "GET", url(lab, "/healthz"))
    equal(json.loads(done.stdout)["statuses"], {"200": 4000}, done.stdout + done.stderr)


def test_siege(lab):
    script = lab.new_folder() / "siegerc"
    script.write_text("verbose = false\nshow-logfile = false\nlogging = false\njson_output = true\nconnection = keep-alive\nlimit = 32\n")
    done = lab.run("siege", "-R", script, "-b", "-c", "16", "-r", "50", "--content-type=application/json", url(lab) + ' POST {"a":1}')
    equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout[done.stdout.index("{"):])
    assert found["transactions"] > 0 and found["longest_transaction"] < 20, found


def test_slowhttptest_in_all_modes(lab):
    """Slow heads, slow bodies, slow readers, ranges, all at once: everybody else is served meanwhile."""
    modes = [["-H", "-u", url(lab, "/healthz")], ["-B", "-s", "100000", "-u", url(lab)],
             ["-X", "-k", "10", "-n", "3", "-z", "32", "-w", "256", "-y", "512", "-u", url(lab, "/healthz")],
             ["-R", "-t", "HEAD", "-u", url(lab, "/healthz")]]
    done = [None] * len(modes)

    def attack(index):
        done[index] = lab.run("slowhttptest", "-c", "400", "-r", "200", "-i", "2", "-l", "15", "-p", "3", *modes[index])
    threads = [threading.Thread(target=attack, args=(index,)) for index in range(len(modes))]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        answer = curl(lab)
        equal((answer.returncode, answer.stdout), (0, "still there"), answer.stderr)
        served += 1
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert served > 10
    for index, each in enumerate(done):
        text = re.sub(r"\x1b\[[0-9;]*m", "", each.stdout)
        states = re.findall(r"service available:\s+(\w+)", text)
        assert states and "NO" not in states, f"slowhttptest {modes[index][0]}: {text[-1500:]} {each.stderr}"


def held(lab):
    """What the POP's core holds for clients."""
    core = lab.ctl("stats")["cores"][0]
    core["connections"] -= core["trunks"]
    return {name: core[name] for name in ("connections", "exchanges", "payload_buffers", "packet_buffers", "in_flight", "waiting")}


def test_killed_clients_leave_nothing(lab):
    """As many as SKERRY_LEAVERS says (10000), in the middle of their head, their body or their answer."""
    # What the tests before this one have closed is gone.
    before = eventually(lambda: (now := held(lab)) and not any(now[name] for name in ("connections", "exchanges", "in_flight")) and now,
                        "a quiet server", 70)
    count = int(os.environ.get("SKERRY_LEAVERS", 10000)) // 4
    script = pathlib.Path(__file__).with_name("leaving.py")
    leavers = [subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("client"), sys.executable, script, lab.plan.address("pop"),
                                 str(count), "8080", str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for seed in range(4)]
    left = collections.Counter()
    for leaver in leavers:
        out, errors = leaver.communicate()
        equal((leaver.returncode, errors), (0, ""))
        left.update(json.loads(out))
    equal(left.total(), 4 * count)
    for where in ("head", "body", "answer"):
        assert left[where] > count // 2, left
    assert left["slow"] + left["closed"] + left["refused"] <= count // 10, left
    # TCP gives up those that said nothing at their end after a while; buffers of probes come and go.
    eventually(lambda: all(value <= before[name] + (8 if name == "packet_buffers" else 0) for name, value in held(lab).items()),
               f"nothing more is held than {before}", 70)
    data = file_with(lab, os.urandom(6 * MIB))
    uploads = [subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("client"), "curl", "-sS", "--max-time", "60", "-o",
                                 f"{data}.{index}", "--data-binary", f"@{data}", url(lab)]) for index in range(3)]
    for index, upload in enumerate(uploads):
        equal(upload.wait(), 0)
        answer = pathlib.Path(f"{data}.{index}").read_bytes()
        assert answer == data.read_bytes(), answer[:300]
    equal(curl(lab).stdout, "still there")


def test_who_holds_bodies_back_stops_nobody(lab):
    """More than all the memory for payloads, from clients that never come to an end: they make room for those who do."""
    script = pathlib.Path(__file__).with_name("holding.py")
    with subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("client"), sys.executable, script, lab.plan.address("pop"), "8"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holders:
        equal(holders.stdout.readline(), "held\n")
        refused = lab.reasons()["refused_no_buffer"]
        assert refused > 0, "they fit: this proves nothing"
        for _ in range(10):
            equal(curl(lab, data="small").stdout, "small")
        data = file_with(lab, os.urandom(6 * MIB))
        done = lab.run("curl", "-sS", "--max-time", "30", "-o", f"{data}.out", "--data-binary", f"@{data}", url(lab))
        equal(done.returncode, 0, done.stderr)
        assert pathlib.Path(f"{data}.out").read_bytes() == data.read_bytes()
        holders.stdin.close()


def test_boto3(lab):
    """AWS's own client for Python, as Debian has it."""
    folder = lab.artifact("rogue")
    lab.ctl("function", "deploy", "rogue", "--artifact", folder, "--place", "pop", "--timeout-ms", "1000")
    script = pathlib.Path(__file__).with_name("boto3_calls.py")
    done = subprocess.run(["ip", "netns", "exec", lab.plan.namespace("client"), "/usr/bin/python3", script, lab.plan.pop_url()],
                          capture_output=True, text=True, check=False, env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"})
    equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    equal(found["echo"], [200, '{"a": 1}', True])
    equal(found["file"], [200, "f" * 100_000, True])
    equal(found["latest"], [200, '"latest"', True])
    equal(found["dry run"], [204, ""])
    equal(found["nobody"], [404, "ResourceNotFoundException", "Function not found: nobody"])
    equal(found["too large"][:2], [413, "RequestTooLargeException"])
    equal(found["no such alias"][:2], [404, "ResourceNotFoundException"])
    equal(found["dry run of nobody"], found["nobody"])
    equal(found["event"], [202, ""])
    eventually(lambda: lab.ctl("events")["executed"] == 1, "the event is executed")
    equal(found["failed"], [200, "Unhandled", "Sandbox.Timedout"])


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "w") as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
