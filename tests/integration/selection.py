"""Which region: the policy's choice among three, what the operator and the owner allow, a region that falls silent."""
import collections
import sys
import tempfile
import time

import rig
import tap
from http_clients import invoke
from tap import equal, eventually

# Goes to the end of the configuration: the first line belongs to the last region, r3.
MORE = """tags = ["cheap", "south"]
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


def test_a_region_that_falls_silent(lab):
    """A second later nothing goes to it; when it is back it is asked again."""
    lab.lab("kill", "r1")
    time.sleep(1.0)
    for _ in range(10):
        word, told = decision(invoke(lab, "near", b"x"))
        equal((word, told["region"] in ("r2", "r3"), told["candidates"], told["asked"]), ("forward", True, "2", "1"))
    eventually(lambda: lab.lab("start", "r1", check=False).returncode == 0, "r1 starts")
    eventually(lambda: "r1" in executed_in(lab, "near", 1), "r1 is asked again", 30)


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as more:
        more.write(MORE)
        more.flush()
        with rig.Rig(sys.argv[1], "c", regions=3, settings=[f"more={more.name}"]) as the_lab:
            sys.exit(tap.run(sys.modules[__name__], the_lab))
