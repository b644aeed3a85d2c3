"""aws-lambda-ric, AWS's own runtime client for Node.js, unmodified from npm.   ric.py BUILD

What it sends is kept as bytes, and what it makes of refusals is what our server has to live with."""
import sys

import common
from rig import HERE, Rig, ric
from tap import equal, run

ECHO = {"do": "echo", "value": {"text": "naïve 😀", "number": 1.5}}


def test_bytes(build):
    with Rig(ric(build)) as worker:
        request = worker.ask(ECHO)
        worker.golden(worker.stub.requests[0], "next")
        worker.golden(request, "response")
        worker.golden(worker.ask({"do": "throw"}), "error")


def test_bytes_of_an_initialisation_error(build):
    with Rig(ric(build, "app.missing")) as worker:
        equal(worker.init_error()[0], "Runtime.HandlerNotFound", "type")
        assert worker.exit_code() != 0


def test_what_it_shares_with_ours(build):
    client = ric(build)
    with Rig(client) as worker:
        context = worker.result({"do": "context"}, Lambda_Runtime_Trace_Id="Root=1-2-3")
        equal((context["awsRequestId"], context["functionName"], context["left"], context["trace"]),
              ("00000000-0000-4000-8000-000000000001", "tested", True, "Root=1-2-3"), "context")
        equal(worker.error({"do": "cycle"})[1]["errorType"] != "", True, "an error")
        equal(worker.error({"do": "rejectLater"})[1]["errorType"], "Runtime.UnhandledPromiseRejection", "type")
    equal(common.takes_a_mebibyte(client, {"do": "size", "value": "x" * common.MEBIBYTE}), b"1048576", "in")
    equal(len(common.takes_a_mebibyte(client, {"do": "big", "bytes": common.MEBIBYTE})), common.MEBIBYTE + 2, "out")


def test_streamed_answers(build):
    folder = HERE / "functions/ric"
    with Rig(ric(build, "app.stream", folder)) as worker:
        request = worker.ask({})
        equal(request.body, b"first, last", "body")
        equal(request.header("Lambda-Runtime-Function-Response-Mode"), "streaming", "mode")
        worker.golden(request, "stream")
        request = worker.ask({"http": True})
        prelude, _, rest = request.body.partition(b"\0" * 8)
        equal((b'"statusCode":201' in prelude, rest), (True, b"first, last"), "prelude and body")
        worker.golden(request, "stream-http")
        request = worker.ask({"fail": True})
        assert b"Lambda-Runtime-Function-Error-Type" in request.raw.rpartition(b"\r\n0\r\n")[2], request.raw


def test_connections(build):
    common.keeps_its_connection(ric(build), ECHO)


sys.exit(run(sys.modules[__name__], *sys.argv[1:2]))
