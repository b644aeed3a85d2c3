"""docs/protocol.md, sentence by sentence, against real servers: cookies, copies, and what is malformed."""
import sys

import rig
import tap
from client import CHALLENGE, HEADER, REPLY
from raw import Raw, message
from rig import CODES, STATUSES
from tap import equal

REPLAYED = 0x0008
ACCEPTED = 6


def ends(answer):
    assert answer is not None, "no answer"
    equal(answer["kind"], REPLY, "kind")
    return STATUSES[answer["status"]]


def test_a_challenge_is_no_longer_than_the_request_and_executes_nothing(lab):
    lab.deploy("work", "work", "--warm-min", "1")
    with Raw(lab) as raw:
        for payload in (b"", b"us=1"):
            sent = message("work", payload)
            answer = raw.exchange(sent)
            equal((answer["kind"], answer["status"], answer.payload), (CHALLENGE, 0, b""))
            assert answer.bytes <= len(sent), (answer.bytes, len(sent))
            assert answer["cookie"] != 0
    equal(sum(lab.executions("work").values()), 0, "executions")
    with Raw(lab) as raw:
        forged = raw.prove("work")["cookie"] ^ 1
        equal(raw.exchange(message("work", b"us=1", cookie=forged))["kind"], CHALLENGE, "a cookie that is not right")
        equal(sum(lab.executions("work").values()), 0, "executions")


def test_a_cookie_belongs_to_the_address_not_to_the_port(lab):
    with Raw(lab) as first, Raw(lab) as second:
        first.prove("work")
        equal(ends(second.exchange(message("work", b"us=1", cookie=first.cookie))), "ok")


def test_what_is_malformed_gets_a_header(lab):
    with Raw(lab) as raw:
        for text, given, expected in (("too short", {"payload_bytes": 5}, "bad_message"),
                                      ("too long", {"payload_bytes": 3}, "bad_message"),
                                      ("version 2, and no context", {"version": 2}, "bad_message"),
                                      ("version 3", {"version": 3}, "unsupported_version"),
                                      ("version 0", {"version": 0}, "unsupported_version")):
            sent = message("work", b"us=1", **given)
            answer = raw.exchange(sent)
            equal(ends(answer), expected, text)
            assert answer.bytes <= len(sent), text
            equal(answer.bytes, HEADER.size, text)


def test_what_is_no_request_is_not_answered(lab):
    with Raw(lab) as raw:
        for given in ({"kind": 2}, {"kind": 5}, {"kind": 6}, {"kind": 7}, {"kind": 2, "version": 9}, {"magic": 1}):
            equal(raw.exchange(message("work", b"us=1", **given), 0.2), None, given)


def test_hops(lab):
    with Raw(lab) as raw:
        equal(ends(raw.invoke("work", b"us=1", hops=1)), "ok")
        for hops in (2, 255):
            equal(ends(raw.invoke("work", b"us=1", hops=hops)), "too_many_hops", hops)


def executed(lab, name, high, low):
    return lab.executions(name)[f"{high:016x}-{low:016x}"]


def test_a_copy_after_the_answer_is_replayed(lab):
    lab.deploy("far", "work", "--place", "region", "--warm-min", "1")
    for function in ("work", "far"):
        # A region knows it by an id of the POP's: all are counted.
        before = sum(lab.executions(function).values())
        with Raw(lab) as raw:
            first = raw.invoke(function, b"us=1", high=7, low=11)
            equal((ends(first), first["flags"] & REPLAYED), ("ok", 0), function)
            for _ in range(3):
                again = raw.invoke(function, b"us=1", high=7, low=11)
                equal((ends(again), again["flags"] & REPLAYED), ("ok", REPLAYED), function)
                for field in ("qualifier", "place", "high", "low", "function"):
                    equal(again[field], first[field], field)
                equal(again.payload, first.payload)
            equal(sum(lab.executions(function).values()) - before, 1, f"executions of {function}")
        # The id belongs to address, port and id: from another port it is another request.
        with Raw(lab) as other:
            equal(ends(other.invoke(function, b"us=1", high=7, low=11)), "ok")
            equal(sum(lab.executions(function).values()) - before, 2, f"executions of {function}")


def test_a_copy_is_answered_though_the_function_has_gone(lab):
    lab.deploy("passing", "work", "--warm-min", "1")
    with Raw(lab) as raw:
        equal(ends(raw.invoke("passing", b"us=1", high=1, low=2)), "ok")
        lab.ctl("function", "delete", "passing")
        again = raw.invoke("passing", b"us=1", high=1, low=2)
        equal((ends(again), again["flags"] & REPLAYED), ("ok", REPLAYED))
        equal(ends(raw.invoke("passing", b"us=1", high=1, low=3)), "no_such_function")


def test_an_id_is_for_one_function(lab):
    lab.deploy("other", "work", "--warm-min", "1")
    with Raw(lab) as raw:
        equal(ends(raw.invoke("work", b"us=1", high=3, low=4)), "ok")
        equal(ends(raw.invoke("other", b"us=1", high=3, low=4)), "bad_message")
        equal(executed(lab, "other", 3, 4), 0, "executions")


def test_accepted_comes_before_the_reply_when_asked_for(lab):
    with Raw(lab) as raw:
        first = raw.invoke("work", b"us=100000 mode=sleep", flags=2, low=5, high=5)
        equal(first["kind"], ACCEPTED)
        # A copy of what is in flight gets the same word, and no second execution.
        equal(raw.invoke("work", b"us=100000 mode=sleep", flags=2, low=5, high=5)["kind"], ACCEPTED)
        equal(ends(raw.receive(3)), "ok")
        equal(executed(lab, "work", 5, 5), 1, "executions")


def test_a_refused_request_may_come_again(lab):
    with Raw(lab) as raw:
        equal(ends(raw.invoke("later", b"us=1", high=6, low=6)), "no_such_function")
        lab.deploy("later", "work", "--warm-min", "1")
        answer = raw.invoke("later", b"us=1", high=6, low=6)
        equal((ends(answer), answer["flags"] & REPLAYED), ("ok", 0))


def test_ids_and_trace_come_back(lab):
    with Raw(lab) as raw:
        given = {"high": 1 << 63, "low": 0, "trace_high": 9, "trace_low": 10, "span": 12}
        answer = raw.invoke("work", b"us=1", **given)
        equal(ends(answer), "ok")
        for field, value in given.items():
            equal(answer[field], value, field)
        equal((answer["cookie"], answer["deadline_us"], answer["reserved"]), (0, 0, 0))


def test_a_place_and_a_status_that_the_client_sends_mean_nothing(lab):
    with Raw(lab) as raw:
        answer = raw.invoke("work", b"us=1", status=CODES["worker_died"], busy=255, queue_us=77, place=b"elsewhere")
        equal((ends(answer), answer["place"].rstrip(b"\0")), ("ok", b"pop"))
        equal(answer["queue_us"], 0, "it did not wait")


if __name__ == "__main__":
    with rig.from_arguments("p", "w") as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
