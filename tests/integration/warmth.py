"""What regions tell of warmth: which functions are warm there, for whom they are nearest; and what the POP makes of it."""
import struct
import sys
import time

import rig
import tap
from http_clients import invoke
from raw import Raw, message
from tap import equal, eventually

from client import key

PROBE, PROBE_REPLY = 3, 4
IDLE = 3
REGION = ("--place", "region", "--cold-cost-ms", "300")
KEEP_MS = 1500


def digest(functions, rate_milli=0, nearest=0):
    """A probe's payload that asks about them."""
    return bytes(64) + struct.pack("!QHHI", rate_milli, nearest, len(functions), 0) + b"".join(
        struct.pack("!QQ", key(name), 0) for name in functions)


def told(answer):
    """Of each entry: state, idle_ms, rate_milli."""
    words = struct.unpack(f"!{(len(answer.payload) - 80) // 8}Q", answer.payload[80:])
    return [(word >> 56, word >> 32 & 0xFFFFFF, word & 0xFFFFFFFF) for word in words[1::2]]


def there(lab, name, region):
    """What the POP knows of it there."""
    return next(each for each in lab.ctl("explain", name)["candidates"] if each["region"] == region)


def test_a_region_tells_who_proves_its_address(lab):
    lab.deploy("told", "echo", *REGION)
    with Raw(lab, "r2") as client:
        payload = digest(["told", "nobody's"])
        answer = client.exchange(message("", payload, kind=PROBE))
        equal((answer["kind"], len(answer.payload), told(answer)), (PROBE_REPLY, len(payload), [(0, 0, 0)] * 2))
        assert lab.reasons("r2")["digest_unproven"] >= 1, lab.reasons("r2")

        def warm():
            for _ in range(3):
                client.invoke("told", b"x")
            time.sleep(0.2)
            answer = client.exchange(message("", payload, kind=PROBE, cookie=client.cookie))
            (state, idle_ms, rate_milli), nobodys = told(answer)
            equal((len(answer.payload), nobodys), (len(payload), (0, 0, 0)))
            return state == IDLE and 50 <= idle_ms < KEEP_MS and rate_milli > 100
        eventually(warm, "a worker is idle, and was used of late")


def test_where_others_keep_it_warm_it_is_sent(lab):
    """The POP has never sent it anywhere: everything it knows is what the regions tell."""
    lab.deploy("shared", "echo", *REGION)
    eventually(lambda: {there(lab, "shared", r)["warmth"]["state"] for r in ("r1", "r2")} == {"cold"},
               "the workers that the deploy has started are ended")
    eventually(lambda: lab.ctl("explain", "shared")["region"] == "r1", "the nearest of two that are cold")
    with Raw(lab, "r2") as client:
        limit = time.monotonic() + 10
        while True:
            client.invoke("shared", b"x")
            told_there = there(lab, "shared", "r2")
            if told_there["warmth"]["state"] == "idle" and lab.ctl("explain", "shared")["region"] == "r2":
                break
            assert time.monotonic() < limit, lab.ctl("explain", "shared")
            time.sleep(0.1)
        equal(there(lab, "shared", "r1")["warmth"]["state"], "cold")
        assert told_there["warmth"]["others_per_s"] > 0 and told_there["warmth"]["heard_s_ago"] < 5, told_there
        assert told_there["expected_cold_us"] < there(lab, "shared", "r1")["expected_cold_us"], told_there
        answer = invoke(lab, "shared", b"ours")
        equal((answer.status, answer.body), (200, b"ours"))
        assert "region=r2" in answer.field("x-skerry-decision"), answer.heads
    text = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), "explain", "shared").stdout
    assert "idle, used " in text, text
    eventually(lambda: there(lab, "shared", "r2")["warmth"]["state"] == "cold", "nobody uses it any more")


def test_a_region_knows_for_whom_it_is_nearest(lab):
    def catchment():
        invoke(lab, "told", b"x")
        return lab.ctl("status", node="r1")["warmth"]["catchment_per_s"] > 0
    eventually(catchment, "r1 has heard how much is asked for at the POP")
    found = lab.ctl("status", node="r1")["warmth"]
    equal((found["pops"], found["pops_not_counted"], found["keep_ms"], found["crowding_permille"]), (1, 0, KEEP_MS, 0))
    eventually(lambda: lab.ctl("status", node="r2")["warmth"]["catchment_per_s"] == 0, "r2 is nearest to nobody")
    eventually(lambda: lab.ctl("region", "describe", "r1")["catchment_permille"] == 1000, "the POP is told")
    eventually(lambda: lab.ctl("region", "describe", "r2")["catchment_permille"] == 0, "the other has none of it")
    equal(lab.ctl("region", "describe", "r2")["keep_ms"], KEEP_MS)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "w", regions=2, settings=[f"idle_timeout_ms={KEEP_MS}"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
