"""Hedging: a region that stands still costs idempotent functions no tail, and nobody else a second execution."""
import collections
import concurrent.futures
import contextlib
import os
import signal
import sys
import tempfile
import time

import rig
import tap
from http_clients import invoke
from leftovers import Snapshot
from run import recorded
from selection import decision
from tap import equal, eventually

# Goes to the end of the configuration.
MORE = """[selection]
policy = "nearest"
"""
REGION = ("--place", "region", "--warm-min", "1", "--warm-max", "1", "--timeout-ms", "20000")
QUICK = b"us=1000 mode=sleep"
KNOWN = 80  # requests before, so that it is known what is usual
HEDGED = 8


def hedges(lab):
    return {name: count for name, count in lab.reasons().items() if name.startswith(("hedge_", "cancel_"))}


def grown(lab, before):
    return collections.Counter({name: count - before[name] for name, count in hedges(lab).items() if count != before[name]})


def ask(client, name, times):
    """So many by datagram, a few at a time; their answers."""
    requests = []
    for _ in range(times // 4):
        some = [client.new_request() for _ in range(4)]
        for each in some:
            client.begin(each, name, QUICK, 10000)
        client.wait(some, 12)
        requests += some
    equal({rig.status(each) for each in requests}, {"ok"})
    return requests


def fill_budget(lab):
    """As many requests as it takes for ten second copies, of a function that has none."""
    ask(lab.client(), "once", 200)


@contextlib.contextmanager
def standing_still(lab, region):
    """Its workers do nothing; skerryd there takes requests, and lets them wait."""
    family = Snapshot(recorded(lab.plan.dir / f"{region}.pid"))
    workers = [pid for pid in family.family if pid not in (family.pid, family.warden)]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def all_done(lab):
    eventually(lambda: all(core["in_flight"] + core["waiting"] + core["pending"] == 0
                           for node in lab.plan.servers for core in lab.ctl("stats", node=node)["cores"]), "nothing runs", 10)


def test_others_are_executed_once(lab):
    """However long it takes: who does not say that twice does no harm gets one execution of each request."""
    lab.deploy("once", "work", *REGION)
    client, before = lab.client(), hedges(lab)
    ask(client, "once", KNOWN)
    with concurrent.futures.ThreadPoolExecutor(4) as others:
        with standing_still(lab, "r1"):
            slow = [others.submit(invoke, lab, "once", QUICK) for _ in range(4)]
            some = [client.new_request() for _ in range(4)]
            for each in some:
                client.begin(each, "once", QUICK, 10000)
            time.sleep(1)
        for each in slow:
            equal((each.result().status, decision(each.result())[1]["region"]), (200, "r1"))
    client.wait(some, 12)
    equal({rig.status(each) for each in some}, {"ok"})
    all_done(lab)
    equal(grown(lab, before), collections.Counter())
    ran = lab.executions("once")
    equal((len(ran), set(ran.values())), (KNOWN + 8, {1}))


def hedged(lab, name, before, send):
    """Requests while r1 stands still: answered by r2, before r1 could. What waited there is never executed."""
    with standing_still(lab, "r1"):
        started = time.monotonic()
        for _ in range(HEDGED):
            send()
        took = time.monotonic() - started
    assert took < 5, took
    all_done(lab)
    found = grown(lab, before)
    print("#", name, round(took, 2), dict(found), flush=True)
    equal((found["hedge_won"], found["cancel_sent"] >= HEDGED), (HEDGED, True))
    return found


def test_an_idempotent_function_has_no_tail(lab):
    """Over trunks. Both copies have the request's own id: what r1 had not begun is never executed."""
    lab.deploy("twice", "work", *REGION, "--retry", "idempotent")
    client = lab.client()
    ask(client, "twice", KNOWN)
    fill_budget(lab)
    all_done(lab)
    told = lab.ctl("explain", "twice")
    equal((told["region"], told["hedge"], "hedge" in lab.ctl("explain", "once")), ("r1", "r2", False))
    known, before = lab.executions("twice"), hedges(lab)

    def send():
        answer = invoke(lab, "twice", QUICK)
        word, told = decision(answer)
        equal((answer.status, word, told["region"], told["chosen"], told["asked"]), (200, "forward", "r2", "hedge", "2"))
    hedged(lab, "trunks", before, send)
    ran = lab.executions("twice") - known
    # r1 had begun with one; on a busy machine with two, as one more worker comes up before all are stopped.
    twice = sum(ran.values()) - HEDGED
    assert 1 <= twice <= 2, ran
    equal(sorted(ran.values()), [1] * (HEDGED - twice) + [2] * twice)


def test_by_datagram(lab):
    """The cancel is a datagram, too; each copy has an id of its own."""
    client = lab.client()
    ask(client, "twice", KNOWN)
    fill_budget(lab)
    all_done(lab)
    ran, before, taken = sum(lab.executions("twice").values()), hedges(lab), lab.reasons("r1")["cancel_taken"]

    def send():
        (answer,) = [client.invoke("twice", QUICK, 10000)]
        equal((rig.status(answer), answer.place), ("ok", "r2"))
        assert answer.flags & 0x10, "maybe repeated"
    hedged(lab, "datagrams", before, send)
    # Each copy of r1's was withdrawn, or executed because it had begun.
    withdrawn = lab.reasons("r1")["cancel_taken"] - taken
    assert HEDGED - 2 <= withdrawn < HEDGED, withdrawn
    equal(sum(lab.executions("twice").values()) - ran, HEDGED + (HEDGED - withdrawn))


def test_marked_requests_alone(lab):
    """Where the owner leaves it to requests. Others of the same function wait for their region."""
    lab.deploy("some", "work", *REGION, "--retry", "marked")
    marked = ("-H", "x-skerry-idempotent: true")
    for _ in range(KNOWN):
        equal(invoke(lab, "some", QUICK, *marked).status, 200)
    fill_budget(lab)
    equal(lab.ctl("explain", "some")["hedge"], "r2")
    before = hedges(lab)
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        with standing_still(lab, "r1"):
            unmarked = other.submit(invoke, lab, "some", QUICK)
            found = decision(invoke(lab, "some", QUICK, *marked))[1]
            equal((found["region"], found["chosen"]), ("r2", "hedge"))
        equal(decision(unmarked.result())[1]["region"], "r1")
    all_done(lab)
    equal(grown(lab, before)["hedge_sent"], 1)


def test_the_budget_bounds_them(lab):
    """Ten at once, and one in twenty of all. Who is beyond that waits, as ever."""
    client, before = lab.client(), hedges(lab)
    ask(client, "twice", 4)  # its address is known from here on
    with standing_still(lab, "r1"):
        some = [client.new_request() for _ in range(40)]
        for each in some:
            client.begin(each, "twice", QUICK, 10000)
        eventually(lambda: grown(lab, before)["hedge_no_budget"] > 20, "the budget is spent", 5)
    client.wait(some, 12)
    equal({rig.status(each) for each in some}, {"ok"})
    all_done(lab)
    found, asked = grown(lab, before), 3 * KNOWN + 8 + 2 * 200 + 2 * HEDGED + 44
    print("#", dict(found), flush=True)
    assert hedges(lab)["hedge_sent"] * 20 <= asked and found["hedge_sent"] <= 10, (hedges(lab), asked)


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as more:
        more.write(MORE)
        more.flush()
        with rig.Rig(sys.argv[1], "j", regions=2, settings=[f"more={more.name}"]) as the_lab:
            sys.exit(tap.run(sys.modules[__name__], the_lab))
