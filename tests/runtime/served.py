"""Every client against the server's end that skerryd has, over loopback, without a jail.   served.py BUILD"""
import json
import pathlib
import subprocess
import sys
import tempfile

import common
import rig
from rig import HERE, bash, cpp, ric
from tap import equal, run

PATIENCE_S = 20


def serve(build, client, *events):
    """[(outcome, error type, body)] of a client that was told of events, one after the other, and asked once more."""
    with tempfile.TemporaryDirectory(prefix="skerry-served-") as folder:
        files = []
        for number, event in enumerate(events):
            files.append(pathlib.Path(folder) / str(number))
            files[-1].write_bytes(json.dumps(event).encode())
        server = subprocess.Popen([build + "/tests/sandbox/runtime_api/runtime-api-serve", "--area", str(2 << 20), "--seconds",
                                   str(PATIENCE_S), *files], stdout=subprocess.PIPE)
        port = int(server.stdout.readline().split()[1])
        with rig.Rig(client, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{port}"), server:
            found = []
            for line in iter(server.stdout.readline, b""):
                words = line.decode().rstrip("\n").split(" ")
                if words[0] == "answer":
                    found.append((words[1], words[2], server.stdout.read(int(words[-1]) + 1)[:-1]))
        equal((server.returncode, len(found)), (0, len(events)), "the server's end, answers")
        return found


def test_managed_runtimes(build):
    for client in (rig.python3(), rig.nodejs()):
        found = serve(build, client, {"do": "echo", "value": "é"}, {"do": "throw"}, {"do": "big", "bytes": common.MEBIBYTE},
                      {"do": "size", "value": "x" * common.MEBIBYTE})
        equal([(outcome, len(body)) for outcome, _, body in found[::2]], [("ok", 4), ("ok", common.MEBIBYTE + 2)], client.name)
        equal((found[1][0], json.loads(found[1][2])["errorType"]), ("function_error", "OopsError"), client.name)
        equal(found[3][2], b"1048576", client.name)


def test_provided(build):
    found = serve(build, bash(), {"name": "Ada"}, {}, {"name": "x" * common.MEBIBYTE})
    equal([outcome for outcome, _, _ in found], ["ok", "function_error", "ok"], "bash")
    equal(found[1][1], "Function.BadEvent", "type")
    found = serve(build, cpp(build), "one two", "x " * (common.MEBIBYTE // 2))
    equal([body for _, _, body in found],
          [b'{"bytes":9,"words":2,"lines":0}', b'{"bytes":1048578,"words":524289,"lines":0}'], "C++")


def test_aws_client(build):
    found = serve(build, ric(build), {"do": "echo", "value": "é"}, {"do": "throw"}, {"do": "big", "bytes": common.MEBIBYTE},
                  {"do": "size", "value": "x" * common.MEBIBYTE})
    equal([(outcome, len(body)) for outcome, _, body in found[::2]], [("ok", 4), ("ok", common.MEBIBYTE + 2)], "answers")
    equal((found[1][0], json.loads(found[1][2])["errorType"]), ("function_error", "OopsError"), "an error")


def test_aws_client_streams(build):
    found = serve(build, ric(build, "app.stream", HERE / "functions/ric"), {}, {"http": True}, {"fail": True})
    equal(found[0][::2], ("ok", b"first, last"), "a stream")
    assert found[1][2].endswith(b"\0" * 8 + b"first, last"), found[1]
    equal(found[2][0], "function_error", f"a stream that fails in the middle: {found[2]}")


sys.exit(run(sys.modules[__name__], *sys.argv[1:2]))
