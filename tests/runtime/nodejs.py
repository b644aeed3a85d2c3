"""The managed runtime for Node.js, as an ordinary process against a stub.   nodejs.py BUILD"""
import re
import sys

import common
import rig
from rig import HERE, Rig
from stub import answer, refusal
from tap import equal, run

ECHO = {"do": "echo", "value": {"text": "naïve 😀", "number": 1.5, "list": [1, None, True]}}


def client(handler="app.handler", root=None):
    return rig.nodejs().with_handler(handler, root)


def test_bytes_of_a_response(_build):
    with Rig(client()) as worker:
        request = worker.ask(ECHO)
        worker.golden(worker.stub.requests[0], "next")
        worker.golden(request, "response")
        worker.golden(worker.ask({"do": "nothing"}), "response-null")
        worker.golden(worker.ask(ECHO, Lambda_Runtime_Invocation_Id="0123456789abcdef"), "response-attempt")


def test_bytes_of_an_error(_build):
    with Rig(client()) as worker:
        worker.golden(worker.ask({"do": "throw"}), "error")
        worker.golden(worker.ask({"do": "throwText"}), "error-text")


def test_error_shapes(_build):
    with Rig(client()) as worker:
        kind, body = worker.error({"do": "throw", "text": "line\r\nX-Injected: 1"})
        equal(kind, "OopsError", "header")
        equal(sorted(body), ["errorMessage", "errorType", "trace"], "fields")
        equal(worker.error({"do": "cycle"})[0], "Runtime.MarshalError", "type")
        equal(worker.error(b"{not json")[0], "Runtime.UnmarshalError", "type")
        equal(worker.error({"do": "no such action"})[0], "TypeError", "thrown outside a promise")
        assert b"ERROR\tInvoke Error" in worker.log(), worker.log()
        equal(worker.result(ECHO), ECHO["value"], "it goes on")


def test_initialisation_errors(_build):
    wrong = {"nodot": "Runtime.MalformedHandlerName", "../app.handler": "Runtime.MalformedHandlerName",
             "": "Runtime.MalformedHandlerName", "app.missing": "Runtime.HandlerNotFound",
             "app.toString": "Runtime.HandlerNotFound", "app.notAFunction": "Runtime.HandlerNotFound",
             "nowhere.handler": "Runtime.ImportModuleError", "broken/missing.handler": "Runtime.ImportModuleError",
             "broken/missingModule.handler": "Runtime.ImportModuleError",
             "broken/syntax.handler": "Runtime.UserCodeSyntaxError", "broken/throws.handler": "RangeError",
             "broken/hangs.handler": "Runtime.ImportModuleError"}
    for handler, expected in wrong.items():
        with Rig(client(handler)) as worker:
            kind, body = worker.init_error()
            equal((handler, kind, body["errorType"]), (handler, expected, expected), "type")
            equal(worker.exit_code(), 1, "exit code")
            equal(len(worker.stub.requests), 1, "requests")
    with Rig(client("nodot")) as worker:
        found = worker.init_error()[1]
        equal((found["errorMessage"], sorted(found)),
              ("Bad handler 'nodot': not FILE.FUNCTION", ["errorMessage", "errorType", "trace"]), "body")


def test_ways_to_name_a_handler(_build):
    for handler, expected in {"folder/inside.handler": ["inside", 1], "esm.handler": ["function", 1],
                              "module/app.handler": ["awaited", 1], "module/app.byDefault": ["default", 1]}.items():
        with Rig(client(handler)) as worker:
            equal(worker.result(1), expected, handler)
    for handler, expected in {"app.api.inner.handle": "inner x"}.items():
        with Rig(client(handler)) as worker:
            equal(worker.result({"value": "x"}), expected, handler)


def test_ways_to_answer(_build):
    with Rig(client()) as worker:
        equal(worker.result({"do": "sync", "value": 1}), 1, "a value that is returned")
        equal(worker.result({"do": "never"}), None, "nothing is left that could answer")
    with Rig(client("app.callback")) as worker:
        equal(worker.result({"value": "at once"}), "at once", "callback")
        equal(worker.result({"value": "late", "hold": True, "wait": 30})["value"], "late, waited true",
              "the event loop is waited for")
        equal(worker.result({"value": "soon", "hold": True, "wait": 30, "quick": True})["value"], "soon", "or not")
        equal(worker.error({"fail": True})[0], "OopsError", "an error")
    with Rig(client("app.done")) as worker:
        equal(worker.result({"how": "succeed", "value": 1}), 1, "succeed")
        equal(worker.result({"how": "done", "value": 2}), 2, "done")
        equal(worker.error({"how": "fail"})[1]["errorMessage"], "by fail", "fail")


def test_what_nobody_catches(_build):
    for what, kind in (("rejectLater", "Runtime.UnhandledPromiseRejection"), ("throwLater", "OopsError")):
        with Rig(client()) as worker:
            equal(worker.error({"do": what})[0], kind, "type")
            equal(worker.exit_code(), 1, "exit code")


def test_a_handler_that_exits(_build):
    with Rig(client()) as worker:
        worker.offer({"do": "exit", "code": 4})
        equal(worker.exit_code(), 4, "exit code")
        equal([request.method for request in worker.stub.requests], ["GET"], "requests")


def test_context(_build):
    with Rig(client()) as worker:
        full = worker.result({"do": "context"}, Lambda_Runtime_Trace_Id="Root=1-2-3", Lambda_Runtime_Aws_Tenant_Id="blue",
                             Lambda_Runtime_Client_Context='{"custom":{"a":"b"}}',
                             Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"me"}')
        equal(full, {"awsRequestId": "00000000-0000-4000-8000-000000000001", "functionName": "tested",
                     "functionVersion": "3", "invokedFunctionArn": rig.ARN, "memoryLimitInMB": "128",
                     "logGroupName": "/aws/lambda/tested", "logStreamName": "stream", "clientContext": {"custom": {"a": "b"}},
                     "identity": {"cognitoIdentityId": "me"}, "left": True, "waits": True, "trace": "Root=1-2-3",
                     "tenantId": "blue"}, "context")
        bare = worker.result({"do": "context"})
        assert not {"trace", "clientContext", "identity", "tenantId"} & set(bare), bare


def test_logs(_build):
    with Rig(client()) as worker:
        worker.result({"do": "logs"})
        lines = worker.log().decode().split("\n")
        for line, (level, text) in zip(lines, (("INFO", "one\rtwo { a: 1 }"), ("WARN", "three"), ("ERROR", "four"))):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t00000000-0000-4000-8000-000000000001\t"
                                + re.escape(f"{level}\t{text}"), line), (line, level, text)


def test_a_rehearsal_leaves_nothing(_build):
    """Of a worker that stands by: it does all once, and then waits for its function."""
    with Rig(client(), SKERRY_STANDBY="1") as worker:
        for _ in range(2):
            worker.stub.offer(answer(200, b"pong"))
        worker.stub.verdicts.extend([refusal(400, "InvalidRequestID")] * 2)
        worker.stub.wait(lambda request: request.target == "/skerry/assignment", "who it is")
        equal([(request.method, request.target.rsplit("/", 1)[1]) for request in worker.stub.requests],
              [("GET", "ping"), ("POST", "response")] * 2 + [("GET", "assignment")], "what it says")
        equal(worker.log(), b"", "log")
        told = {"AWS_LAMBDA_RUNTIME_API": worker.stub.address, "_HANDLER": "app.handler", "PATH": "/usr/bin:/bin",
                "LAMBDA_TASK_ROOT": str(worker.client.root)}
        worker.stub.offer(answer(200, "".join(f"{name}={value}\0" for name, value in told.items()).encode()))
        equal(worker.result(ECHO), ECHO["value"], "result")
        equal(worker.error({"do": "throw"})[0], "OopsError", "it is the function's own")
        worker.result({"do": "logs"})
        assert worker.log().decode().rsplit("\t", 1)[1] == "four\n", worker.log()
        equal({request.connection for request in worker.stub.requests}, {0}, "connections")


def test_an_installed_package(build):
    folder = rig.npm_folder(build, "greeting")
    (folder / "app.js").write_bytes((HERE / "npm/greeting/app.js").read_bytes())
    with Rig(client(root=folder)) as worker:
        equal(worker.result({"name": "Ada"}), "Hello, Ada!", "result")


def test_a_mebibyte_each_way(_build):
    equal(common.takes_a_mebibyte(client(), {"do": "size", "value": "é" * common.MEBIBYTE}), b"1048576", "in")
    equal(len(common.takes_a_mebibyte(client(), {"do": "big", "bytes": common.MEBIBYTE})), common.MEBIBYTE + 2, "out")


def test_refusals_and_connections(_build):
    for status, kind in ((400, "InvalidRequestID"), (403, "InvalidStateTransition"), (413, "RequestEntityTooLarge")):
        common.goes_on_after_a_refusal(client(), ECHO, status, kind)
    common.ends_after_500(client(), ECHO)
    common.keeps_its_connection(client(), ECHO)
    common.reconnects(client(), ECHO)
    common.takes_pieces(client(), ECHO)
    common.says_nothing_twice(client(), ECHO)


sys.exit(run(sys.modules[__name__], *sys.argv[1:2]))
