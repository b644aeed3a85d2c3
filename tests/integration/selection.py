"""Which region: the policy's choice among three, what the operator and the owner allow, how busy regions are, a region that fails
requests, one that falls silent."""
import collections
import concurrent.futures
import sys
import tempfile
import time

import rig
import tap
from http_clients import invoke
from tap import equal, eventually

# Goes to the end of the configuration: the first line belongs to the last region, r3.
MORE = """tags = ["cheap", "south"]
[outliers]
interval_ms = 500
request_volume = 5
[selection]
explore_one_in = 0
no_region = "refuse"
[[selection.rule]]
functions = ["pinned-*"]
pin = ["r2"]
[[selection.rule]]
functions = ["tagged", "both"]
pin = ["south"]
[[selection.rule]]
functions = ["denied"]
deny = ["r1"]
[[selection.rule]]
functions = ["both"]
deny = ["cheap"]
"""
REGION = ("--place", "region", "--warm-min", "1")


def decision(answer):
    """The decision's word, and its properties."""
    word, *rest = answer.field("x-skerry-decision").split("; ")
    return word, dict(each.split("=") for each in rest if "=" in each)


def executed_in(lab, name, times=5):
    """Of so many requests, how many each region executed."""
    found = collections.Counter()
    for number in range(times):
        data = str(number).encode()
        answer = invoke(lab, name, data)
        equal((answer.status, answer.body), (200, data), answer.errors)
        word, told = decision(answer)
        equal(word, "forward")
        found[told["region"]] += 1
    return found


def test_the_nearest_of_those_that_are_alike(lab):
    lab.deploy("near", "echo", *REGION)
    found = executed_in(lab, "near", 15)  # a machine that is busy for a moment may send one further
    equal(found.most_common(1)[0][0], "r1", found)
    told = decision(invoke(lab, "near", b"x"))[1]
    equal((told["chosen"], told["candidates"]), ("policy", "3"))


def test_rules_and_residency_hold(lab):
    for name, regions, options in (("pinned-one", {"r2"}, ()), ("tagged", {"r3"}, ()), ("denied", {"r2", "r3"}, ()),
                                   ("resident", {"r3"}, ("--regions", "r3")), ("confined", {"r2", "r3"}, ("--regions", "r2,r3"))):
        lab.deploy(name, "echo", *REGION, *options)
        assert set(executed_in(lab, name)) <= regions, name
        equal(decision(invoke(lab, name, b"x"))[1]["candidates"], str(len(regions)), name)


def test_where_no_region_may_have_it(lab):
    lab.deploy("both", "echo", *REGION)
    answer = invoke(lab, "both", b"x")
    equal((answer.status, decision(answer)[0]), (503, "refuse"))
    assert answer.field("Retry-After"), answer.heads
    assert lab.reasons()["refused_no_region"] > 0, lab.reasons()


def test_explain_says_what_happens(lab):
    for name in ("near", "pinned-one", "resident", "denied"):
        told = lab.ctl("explain", name)
        equal((told["policy"], told["verdict"]), ("skerry", "forward"), name)
        eventually(lambda n=name: set(executed_in(lab, n, 1)) == {lab.ctl("explain", n)["region"]}, name)
    told = {each["region"]: each["eligibility"] for each in lab.ctl("explain", "pinned-one")["candidates"]}
    assert told["r2"] == "eligible" and told["r1"] == told["r3"] != "eligible", told


def of_region(lab, name, key):
    return lab.ctl("region", "describe", name)[key]


def test_a_region_that_is_busy_gets_fewer(lab):
    """Two at a time in each region: the nearest says with its replies that others wait, and the rest goes elsewhere."""
    lab.deploy("busy", "work", "--place", "region", "--warm-min", "2", "--warm-max", "2")
    invoke(lab, "busy", b"us=1000 mode=sleep")
    equal(lab.ctl("explain", "busy")["region"], "r1")
    with concurrent.futures.ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(lambda _: invoke(lab, "busy", b"us=60000 mode=sleep"), range(72)))
    equal({answer.status for answer in answers}, {200})
    found = collections.Counter(decision(answer)[1]["region"] for answer in answers)
    assert found["r1"] < 60 and found["r2"] + found["r3"] > 12, found
    assert 10_000 < of_region(lab, "r1", "service_us") < 90_000, lab.ctl("region", "describe", "r1")
    eventually(lambda: of_region(lab, "r1", "in_flight_of_late") == 0, "the rush is over")
    equal(of_region(lab, "r1", "expected_wait_us"), 0)


def test_a_region_that_falls_silent(lab):
    """A second later nothing goes to it; when it is back it is asked again."""
    lab.lab("kill", "r1")
    time.sleep(1.0)
    for _ in range(10):
        word, told = decision(invoke(lab, "near", b"x"))
        equal((word, told["region"] in ("r2", "r3"), told["candidates"], told["asked"]), ("forward", True, "2", "1"))
    eventually(lambda: lab.lab("start", "r1", check=False).returncode == 0, "r1 starts")
    eventually(lambda: "r1" in executed_in(lab, "near", 1), "r1 is asked again", 30)


def test_a_region_that_fails_its_requests(lab):
    """It answers probes and takes nobody's requests: others get them, and it is ejected for its success rate."""
    config = lab.plan.dir / "r1.toml"
    lab.lab("kill", "r1")
    config.write_text(config.read_text().replace("[dataplane]", '[dataplane]\ninvoke_from = ["192.0.2.0/24"]', 1))
    lab.lab("start", "r1")
    before = of_region(lab, "r1", "ejections_rate")

    def ejected():
        assert set(executed_in(lab, "near", 2)) <= {"r2", "r3"}
        return of_region(lab, "r1", "ejections_rate") > before
    eventually(ejected, "r1 is ejected")
    found = lab.ctl("region", "describe", "r1")
    assert found["faulty"] >= 5 and found["weight_permille"] == 0 and found["ejected_for_ms"] > 0, found
    equal(found["consecutive_failures"], 0, "it answers its probes")
    told = decision(invoke(lab, "near", b"x"))[1]
    equal((told["candidates"], told["asked"]), ("2", "1"))


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as more:
        more.write(MORE)
        more.flush()
        with rig.Rig(sys.argv[1], "c", regions=3, settings=[f"more={more.name}"]) as the_lab:
            sys.exit(tap.run(sys.modules[__name__], the_lab))
