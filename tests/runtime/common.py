"""What every client has to do right. `client` names how one is started; `echo` an event and what becomes of it."""
import json

from rig import Rig
from stub import ACCEPTED, CLOSE, answer, refusal
from tap import equal

MEBIBYTE = 1 << 20


def goes_on_after_a_refusal(client, event, status, error_type):
    """400, 403, 413: the server has told the caller; the worker takes the next invocation."""
    with Rig(client) as rig:
        rig.stub.verdicts.append(refusal(status, error_type))
        rig.ask(event)
        rig.ask(event)
        rig.wait_for_next(3)


def ends_after_500(client, event):
    with Rig(client) as rig:
        rig.stub.verdicts.append(refusal(500, "InternalServerError"))
        rig.ask(event)
        assert rig.exit_code() != 0
    with Rig(client) as rig:
        rig.stub.offer(refusal(500, "InternalServerError"))
        assert rig.exit_code() != 0


def keeps_its_connection(client, event, posts=5):
    with Rig(client) as rig:
        for _ in range(posts):
            rig.ask(event)
        equal({request.connection for request in rig.stub.requests}, {0}, "connections")


def reconnects(client, event):
    """When the server closes: told so, untold between two requests, untold in place of an answer to a kept one."""
    with Rig(client) as rig:
        rig.stub.verdicts.append(answer(202, b'{"status":"OK"}\n', close=True))
        rig.ask(event)
        rig.ask(event)
        assert {request.connection for request in rig.stub.requests} == {0, 1}, rig.stub.requests
        rig.stub.verdicts.append(CLOSE)
        last = rig.offer(event)
        rig.wait_for_next(4)
        answers = [request for request in rig.stub.requests if f"/{last}/" in request.target]
        equal(len(answers), 2, "answers: the first had none")
        equal(answers[0].body, answers[1].body, "the answer that is sent again")


def takes_pieces(client, event):
    """An answer to /next comes in as many segments as it likes, chunked, after 100 Continue, with any case of names."""
    body = json.dumps(event).encode()
    head = (b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: in-chunks\r\nLAMBDA-RUNTIME-DEADLINE-MS: 4102444800000\r\n"
            b"lambda-runtime-invoked-function-arn: arn\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:])) + b"0\r\n\r\n"
    with Rig(client) as rig:
        whole = rig.ask(event)
        rig.stub.offer(b"HTTP/1.1 100 Continue\r\n\r\n" + head + chunks)
        found = rig.stub.wait(lambda request: "/in-chunks/" in request.target, "an answer to chunks")
        equal(found.body, whole.body, "the answer")


def takes_a_mebibyte(client, event):
    with Rig(client) as rig:
        request = rig.ask(event)
        assert request.target.endswith("/response"), request
        rig.wait_for_next(2)
        return request.body


def says_nothing_twice(client, event):
    """Requests of a quiet worker: /next, an answer, /next, …"""
    with Rig(client) as rig:
        rig.ask(event)
        rig.ask(event)
        rig.wait_for_next(3)
        equal([request.method for request in rig.stub.requests], ["GET", "POST", "GET", "POST", "GET"], "requests")
        assert ACCEPTED.startswith(b"HTTP/1.1 202")
