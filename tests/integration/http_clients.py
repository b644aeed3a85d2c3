"""HTTP on the packet path, spoken by ordinary clients: curl on the kernel's TCP."""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time

import rig
import tap
from tap import equal, eventually

INVOKE = "/2015-03-31/functions/{}/invocations"


class Answer:
    def __init__(self, done, folder):
        self.code = done.returncode
        self.errors = done.stderr
        self.status = int(done.stdout or 0)
        heads = (folder / "head").read_text() if (folder / "head").exists() else ""
        last = [each for each in heads.split("\r\n\r\n") if each][-1:]  # behind 100 (Continue)
        self.heads = heads
        self.fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*?)\r?$", last[0] if last else "", re.M))
        self.body = (folder / "body").read_bytes() if (folder / "body").exists() else b""

    def field(self, name):
        return {key.lower(): value for key, value in self.fields.items()}.get(name.lower())


def curl(lab, path, *options, v6=False, data=None):
    folder = lab.new_folder()
    if data is not None:
        (folder / "data").write_bytes(data)
        options += ("--data-binary", f"@{folder / 'data'}", "-H", "Content-Type: application/json")
    url = lab.plan.pop_url(6 if v6 else None) + path
    return Answer(lab.run("curl", "-sS", "--max-time", "60", "-o", folder / "body", "-D", folder / "head",
                          "-w", "%{http_code}", *options, url), folder)


def invoke(lab, name, data, *options, v6=False):
    return curl(lab, INVOKE.format(name), *options, data=data, v6=v6)


def test_health(lab):
    equal(curl(lab, "/healthz").status, 200)
    equal(curl(lab, "/readyz", v6=True).status, 200)


def test_invocations_over_both_families(lab):
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1", "--max-payload-bytes", str(6 << 20),
               "--timeout-ms", "20000")
    for v6 in (False, True):
        answer = invoke(lab, "echo", b'{"a": 1}', v6=v6)
        equal((answer.status, answer.body), (200, b'{"a": 1}'), answer.errors)
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.field("x-amzn-RequestId") or ""), answer.heads
        assert answer.field("X-Amz-Executed-Version"), answer.heads
        assert answer.field("x-skerry-decision"), answer.heads


def test_a_body_of_six_mib_both_ways(lab):
    data = os.urandom((6 << 20) - 100)
    for v6, more in ((False, ()), (True, ()), (False, ("-H", "Transfer-Encoding: chunked")),
                     (False, ("-H", "Expect: 100-continue"))):
        answer = invoke(lab, "echo", data, *more, v6=v6)
        equal((answer.code, answer.status), (0, 200), f"{answer.errors} {answer.body[:200]}")
        equal(hashlib.sha256(answer.body).hexdigest(), hashlib.sha256(data).hexdigest())
        if "Expect" in "".join(more):
            assert "HTTP/1.1 100 Continue" in answer.heads, answer.heads


def test_what_can_go_wrong(lab):
    answer = invoke(lab, "nobody", b"{}")
    equal((answer.status, answer.field("x-amzn-ErrorType")), (404, "ResourceNotFoundException"))
    equal(json.loads(answer.body)["Type"], "User")
    equal(invoke(lab, "echo", b"{}", "-X", "PUT").status, 405)
    equal(curl(lab, "/nothing/here").status, 404)
    too_much = invoke(lab, "echo", b"x" * ((6 << 20) + 1))
    equal((too_much.status, too_much.field("x-amzn-ErrorType")), (413, "RequestTooLargeException"))


def test_a_function_s_error_is_an_answer(lab):
    folder = lab.artifact("rogue")
    lab.ctl("function", "deploy", "rogue", "--artifact", folder, "--place", "pop", "--timeout-ms", "1000")
    answer = invoke(lab, "rogue", b"hang")
    equal((answer.status, answer.field("X-Amz-Function-Error")), (200, "Unhandled"), answer.heads)
    equal(json.loads(answer.body)["errorType"], "Sandbox.Timedout")


def test_forwarded_to_a_region(lab):
    lab.deploy("far", "echo", "--place", "region", "--timeout-ms", "5000")

    def served():
        answer = invoke(lab, "far", b'"there and back"')
        return answer if answer.status == 200 else None
    answer = eventually(served, "a region answers")
    equal(answer.body, b'"there and back"')
    assert "r" in answer.field("x-skerry-decision"), answer.heads


def test_datagrams_and_http_take_turns(lab):
    client = lab.client()
    for _ in range(3):
        equal(invoke(lab, "echo", b"over http").body, b"over http")
        for name in ("echo", "far"):
            reply = client.invoke(name, b"in a datagram", deadline_ms=5000)
            equal((rig.status(reply), reply.payload), ("ok", b"in a datagram"), name)
    client.close()


def test_many_requests_on_one_connection(lab):
    urls = [lab.plan.pop_url() + INVOKE.format("echo")] * 50
    done = lab.run("curl", "-sS", "--max-time", "30", "-d", "hello", *urls)
    equal((done.returncode, done.stdout), (0, "hello" * 50), done.stderr)


def test_the_log_s_tail(lab):
    folder = lab.new_folder()
    (folder / "handler.py").write_text("def handle(event, context):\n    print('word of', event['who'])\n    return event['size'] * 'x'\n")
    lab.ctl("function", "deploy", "talks", "--artifact", folder, "--runtime", "python3", "--handler", "handler.handle",
            "--place", "pop", "--warm-min", "1", "--max-payload-bytes", "2000000")
    for size in (2, 1_000_000):  # straight into the connection, and kept until there is room
        answer = invoke(lab, "talks", json.dumps({"who": "a client", "size": size}).encode(), "-H", "X-Amz-Log-Type: Tail")
        equal((answer.status, len(answer.body)), (200, size + 2), answer.errors)
        tail = base64.b64decode(answer.field("X-Amz-Log-Result")).decode()
        assert "START RequestId: " + answer.field("x-amzn-RequestId") in tail, tail
        assert "word of a client" in tail and "REPORT RequestId" in tail, tail
    equal(invoke(lab, "talks", b'{"who": "b", "size": 1}').field("X-Amz-Log-Result"), None)


def test_clients_that_go_away(lab):
    before = lab.reasons()
    namespace = lab.plan.namespace("client")
    script = os.path.join(os.path.dirname(__file__), "leaving.py")
    done = subprocess.run(["ip", "netns", "exec", namespace, sys.executable, script, lab.plan.address("pop"), "300"],
                          capture_output=True, text=True, check=False)
    equal(done.returncode, 0, done.stderr)
    equal(invoke(lab, "echo", b"still there").body, b"still there")
    time.sleep(0.2)
    assert lab.reasons() != before


if __name__ == "__main__":
    with rig.from_arguments("h", "i") as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
