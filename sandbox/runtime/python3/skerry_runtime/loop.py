"""A worker's life: the handler is loaded, then one invocation after the other."""
import json
import os
import sys

from . import errors, logs
from .api import ApiError, Client
from .context import Context
from .handler import load

# Answers that a worker can go on after: the caller has been told by the server.
BEARABLE = (400, 403, 413)


def encode(value):
    """An answer's bytes. What JSON has no word for is an error, a set as well as NaN."""
    return ENCODER.encode(value).encode("utf-8")


def _plain(value):
    # decimal is imported by few; who has a Decimal has imported it.
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain)


def encode_error(error):
    # A lone surrogate of an error's text must not be the next error.
    return json.dumps(error, ensure_ascii=True).encode()


def fail_initialisation(client, error):
    errors.log(error)
    try:
        client.fail_initialisation(encode_error(error), error["errorType"])
    except ApiError as problem:
        complain(problem)
    logs.flush()
    return 1


def initialise(client):
    """The handler; None: it was told why there is none."""
    root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    sys.path[0:0] = [root]
    logs.configure()
    try:
        os.chdir(root)
        return load(os.environ.get("_HANDLER", ""))
    except errors.Fault as fault:
        fail_initialisation(client, errors.shape(fault.message, fault.error_type, fault.stack))
    except BaseException as caught:  # noqa: BLE001: sys.exit() at import is a failed initialisation too
        fail_initialisation(client, errors.of_exception(caught, "", __file__))
    return None


def call(handler, answer):
    """(bytes of the result, None) or (None, the error)."""
    headers = answer.headers
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    try:
        event = json.loads(answer.body) if answer.body else None
    except ValueError as caught:
        return None, errors.shape(f"Unable to parse input as json: {caught}", "Runtime.UnmarshalError", [], request_id)
    try:
        context = Context(headers, json.loads)
    except ValueError as caught:
        return None, errors.shape(f"Unable to unmarshal the context: {caught}",
                                  "Runtime.LambdaContextUnmarshalError", [], request_id)
    try:
        result = handler(event, context)
    except SystemExit:
        raise
    except BaseException as caught:  # noqa: BLE001: whatever it was, it is the function's error
        return None, errors.of_exception(caught, request_id, __file__)
    try:
        return encode(result), None
    except (TypeError, ValueError, RecursionError) as caught:
        return None, errors.shape(f"Unable to marshal response: {caught}", "Runtime.MarshalError", [], request_id)


def serve_one(client, handler):
    """False: the worker has to end."""
    answer = client.next()
    if answer.status != 200:
        complain(f"/next answered {answer.status}")
        return False
    request_id = logs.current = answer.headers.get("lambda-runtime-aws-request-id", "")
    if trace := answer.headers.get("lambda-runtime-trace-id"):
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    result, error = call(handler, answer)
    if error is not None:
        errors.log(error)
    # All that the function printed is in the log before its caller has the answer.
    logs.flush()
    if error is None:
        told = client.respond(answer, result)
    else:
        told = client.fail(answer, encode_error(error), error["errorType"])
    logs.current = ""
    if told.status != 202:
        complain(f"the answer to {request_id} was refused: {told.status} {told.body[:200].decode('utf-8', 'replace')}")
    return told.status == 202 or told.status in BEARABLE


def complain(what):
    print(f"skerry runtime: {what}", file=sys.__stderr__, flush=True)


def snapshot_if_template():
    """Nothing, in an ordinary worker. A template ends here; its copies go on."""
    if "SKERRY_SNAPSHOT_FD" in os.environ:
        from .snapshot import take  # of sandbox/template; the image has it here
        take()


def main():
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
    if not address:
        complain("AWS_LAMBDA_RUNTIME_API is not set: this program is started by skerryd")
        return 1
    client = Client(address)
    handler = initialise(client)
    if handler is None:
        return 1
    # There is no connection yet: the client makes one when it first has something to say.
    snapshot_if_template()
    try:
        while serve_one(client, handler):
            pass
    except ApiError as problem:
        complain(problem)
    return 1
