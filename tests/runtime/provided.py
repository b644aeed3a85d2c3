"""Bootstraps of kind `provided`: bash with curl, and C++ with nothing.   provided.py BUILD"""
import json
import sys

import common
import rig
from rig import ROOT, Client, Rig, bash, cpp
from tap import equal, run

ADA = {"name": "Ada 😀"}


def test_bytes_of_bash_and_curl(_build):
    with Rig(bash()) as worker:
        request = worker.ask(ADA)
        worker.golden(worker.stub.requests[0], "next")
        worker.golden(request, "response")
        equal(json.loads(request.body), {"greeting": "Hello, Ada 😀!", "by": "bash"}, "result")
        worker.golden(worker.ask({"name": 7}), "error")


def test_bash_goes_on_or_ends(_build):
    common.goes_on_after_a_refusal(bash(), ADA, 400, "InvalidRequestID")
    common.goes_on_after_a_refusal(bash(), ADA, 413, "RequestEntityTooLarge")
    common.ends_after_500(bash(), ADA)
    common.takes_pieces(bash(), ADA)
    equal(len(common.takes_a_mebibyte(bash(), {"name": "x" * common.MEBIBYTE})) > common.MEBIBYTE, True, "a mebibyte")


def test_bytes_of_cpp(build):
    with Rig(cpp(build)) as worker:
        request = worker.ask(b'"one two\nthree"', Lambda_Runtime_Invocation_Id="0123456789abcdef")
        worker.golden(worker.stub.requests[0], "next")
        worker.golden(request, "response")
        equal(json.loads(request.body), {"bytes": 15, "words": 3, "lines": 1}, "result")
        worker.golden(worker.ask(b""), "error")


def test_cpp_goes_on_or_ends(build):
    for status, kind in ((400, "InvalidRequestID"), (403, "InvalidStateTransition"), (413, "RequestEntityTooLarge")):
        common.goes_on_after_a_refusal(cpp(build), ADA, status, kind)
    common.ends_after_500(cpp(build), ADA)
    common.keeps_its_connection(cpp(build), ADA)
    common.reconnects(cpp(build), ADA)
    common.takes_pieces(cpp(build), ADA)
    common.says_nothing_twice(cpp(build), ADA)
    equal(common.takes_a_mebibyte(cpp(build), "a " * (common.MEBIBYTE // 2)), b'{"bytes":1048578,"words":524289,"lines":0}',
          "a mebibyte")


def test_the_example_in_python(_build):
    client = Client("python3", rig.python3().command, ROOT / "tools/functions/greet-python", "app.greet")
    with Rig(client) as worker:
        equal(worker.result(ADA)["greeting"], "Hello, Ada 😀!", "result")
        equal(worker.error({})[0], "ValueError", "error")


def test_the_example_in_javascript(_build):
    client = Client("nodejs", rig.nodejs().command, ROOT / "tools/functions/greet-nodejs", "app.greet")
    with Rig(client) as worker:
        equal(worker.result(ADA)["greeting"], "Hello, Ada 😀!", "result")
        equal(worker.error({})[0], "TypeError", "error")


sys.exit(run(sys.modules[__name__], *sys.argv[1:2]))
