"""The managed runtime for Python, as an ordinary process against a stub.   python3.py BUILD"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

import common
import rig
from rig import Rig
from tap import Skip, equal, run

CLIENT = rig.python3()
ECHO = {"do": "echo", "value": {"text": "naïve 😀", "number": 1.5, "list": [1, None, True]}}


def test_bytes_of_a_response(_build):
    with Rig(CLIENT) as worker:
        request = worker.ask(ECHO)
        worker.golden(worker.stub.requests[0], "next")
        worker.golden(request, "response")
        worker.golden(worker.ask({"do": "echo", "value": None}), "response-null")
        worker.golden(worker.ask(ECHO, Lambda_Runtime_Invocation_Id="0123456789abcdef"), "response-attempt")


def test_bytes_of_an_error(_build):
    # The marks under a line differ from Python to Python.
    with Rig(CLIENT, PYTHONNODEBUGRANGES="1") as worker:
        worker.golden(worker.ask({"do": "throw"}), "error")
        worker.golden(worker.ask({"do": "bad", "what": "set"}), "error-marshal")


def test_bytes_of_an_initialisation_error(_build):
    with Rig(CLIENT.with_handler("nodot")) as worker:
        equal(worker.init_error()[0], "Runtime.MalformedHandlerName", "type")
        worker.golden(worker.stub.requests[0], "init-error")


def test_error_shapes(_build):
    with Rig(CLIENT) as worker:
        kind, body = worker.error({"do": "throw", "text": "line\r\nX-Injected: 1"})
        equal(kind, "OopsError", "header")
        equal(sorted(body), ["errorMessage", "errorType", "requestId", "stackTrace"], "fields")
        assert 'app.py", line' in body["stackTrace"][0] and "skerry_runtime" not in "".join(body["stackTrace"]), body
        for what in ("set", "nan", "surrogate", "keys", "cycle"):
            kind, body = worker.error({"do": "bad", "what": what})
            equal((what, kind, body["errorType"]), (what, "Runtime.MarshalError", "Runtime.MarshalError"), "type")
        equal(worker.error(b"{not json")[0], "Runtime.UnmarshalError", "type")
        equal(worker.error(ECHO, Lambda_Runtime_Client_Context="{")[0], "Runtime.LambdaContextUnmarshalError", "type")
        equal(worker.result(ECHO), ECHO["value"], "it goes on")


def test_initialisation_errors(_build):
    wrong = {"": "Runtime.MalformedHandlerName", "app.missing": "Runtime.HandlerNotFound",
             "app.something": "Runtime.HandlerNotFound", "nowhere.handler": "Runtime.ImportModuleError",
             "sys.exit": "Runtime.BuiltInModuleConflict", "broken/syntax.handler": "Runtime.UserCodeSyntaxError",
             "broken/missing.handler": "Runtime.ImportModuleError", "broken/raises.handler": "RuntimeError",
             "broken/exits.handler": "SystemExit"}
    for handler, expected in wrong.items():
        with Rig(CLIENT.with_handler(handler)) as worker:
            kind, body = worker.init_error()
            equal((handler, kind, body["errorType"]), (handler, expected, expected), "type")
            equal(worker.exit_code(), 1, "exit code")
            equal(len(worker.stub.requests), 1, "requests")


def test_ways_to_name_a_handler(_build):
    for handler, expected in {"pkg.inside.handler": ["inside", 1], "pkg/inside.handler": ["inside", 1],
                              "app.Api.Inner.handle": "nested"}.items():
        with Rig(CLIENT.with_handler(handler)) as worker:
            equal(worker.result(1), expected, handler)


def test_context(_build):
    with Rig(CLIENT) as worker:
        full = worker.result({"do": "context"}, Lambda_Runtime_Trace_Id="Root=1-2-3", Lambda_Runtime_Aws_Tenant_Id="blue",
                             Lambda_Runtime_Client_Context='{"custom":{"a":"b"},"client":{"app_title":"T"}}',
                             Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"me"}')
        equal(full, {"aws_request_id": "00000000-0000-4000-8000-000000000001", "function_name": "tested",
                     "function_version": "3", "invoked_function_arn": rig.ARN, "memory_limit_in_mb": "128",
                     "log_group_name": "/aws/lambda/tested", "log_stream_name": "stream", "tenant_id": "blue", "left": True,
                     "trace": "Root=1-2-3", "custom": {"a": "b"}, "title": "T", "identity": "me"}, "context")
        bare = worker.result({"do": "context"})
        equal([bare[name] for name in ("trace", "custom", "title", "identity", "tenant_id")], [None] * 5,
              "nothing of the call before")


def test_logs(_build):
    with Rig(CLIENT) as worker:
        worker.result({"do": "logs"})
        lines = worker.log().decode().splitlines()
        equal(lines[:2], ["printed", "to stderr"], "lines, in order, when the answer is there")
        assert re.fullmatch(r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\t00000000-0000-4000-8000-000000000001\tlogged 7",
                            lines[2]), lines
        equal(lines[3], "without its end", "the last")
        worker.error({"do": "throw"})
        assert b"[ERROR] OopsError: it broke" in worker.log()


def test_decimal_is_a_number(_build):
    with Rig(CLIENT) as worker:
        equal(worker.result({"do": "decimal"}), 1.5, "result")


def test_a_handler_that_exits(_build):
    for event, code in (({"do": "exit", "code": 4}, 4), ({"do": "die"}, 9)):
        with Rig(CLIENT) as worker:
            worker.offer(event)
            equal(worker.exit_code(), code, "exit code")
            equal([request.method for request in worker.stub.requests], ["GET"], "requests")


def test_a_mebibyte_each_way(_build):
    equal(common.takes_a_mebibyte(CLIENT, {"do": "size", "value": "é" * common.MEBIBYTE}), b"1048576", "in")
    equal(len(common.takes_a_mebibyte(CLIENT, {"do": "big", "bytes": common.MEBIBYTE})), common.MEBIBYTE + 2, "out")


def test_copies_of_a_template(build):
    """The bootstrap becomes a template, and a copy serves: with the image's files in a folder, without a jail."""
    built = pathlib.Path(build) / "sandbox/template"
    if os.geteuid() != 0:
        raise Skip("needs root, as the warden is")
    with tempfile.TemporaryDirectory(prefix="skerry-template-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(rig.RUNTIMES / "python3", folder, dirs_exist_ok=True)
        shutil.copy(rig.ROOT / "sandbox/template/snapshot.py", folder / "skerry_runtime")
        shutil.copy(built / "libskerry_snapshot.so", folder)
        memfd = os.memfd_create("snapshot", os.MFD_ALLOW_SEALING)
        os.dup2(memfd, 100)
        os.close(memfd)
        try:
            command = [CLIENT.command[0], folder / "bootstrap.py"]
            copy_serves(rig.Client("python3", command, CLIENT.root, CLIENT.handler), folder, built)
        finally:
            os.close(100)


def copy_serves(client, runtime, built):
    with Rig(client, pass_fds=(100,), SKERRY_SNAPSHOT_FD="100", LAMBDA_RUNTIME_DIR=str(runtime)) as template:
        equal(template.exit_code(), 0, f"exit code: {template.log()}")
        equal(template.stub.requests, [], "requests of a template")
        restorer = rig.Client("python3", [built / "skerry-restore"], client.root, client.handler)
        # A copy has its template's environment: the address of the template's stub, too.
        with Rig(restorer, stub=template.stub, pass_fds=(100,)) as copy:
            equal(copy.result(ECHO), ECHO["value"], f"result; log: {copy.log()}")
            equal(copy.error({"do": "throw"})[0], "OopsError", "error")


def test_refusals_and_connections(_build):
    for status, kind in ((400, "InvalidRequestID"), (403, "InvalidStateTransition"), (413, "RequestEntityTooLarge")):
        common.goes_on_after_a_refusal(CLIENT, ECHO, status, kind)
    common.ends_after_500(CLIENT, ECHO)
    common.keeps_its_connection(CLIENT, ECHO)
    common.reconnects(CLIENT, ECHO)
    common.takes_pieces(CLIENT, ECHO)
    common.says_nothing_twice(CLIENT, ECHO)


sys.exit(run(sys.modules[__name__], *sys.argv[1:2]))
