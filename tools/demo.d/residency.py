"""The scene of a function that may not go just anywhere."""
import collections
import re

from scenes import curl, need


def executed_in(stage, name, requests):
    decisions = curl(stage, f"/2015-03-31/functions/{name}/invocations?n=[1-{requests}]", "-d", "{}", "-o", "/dev/null", "-w",
                     "%header{x-skerry-decision}\\n").splitlines()
    return collections.Counter(re.search(r"region=(\w+)|$", each)[1] or "pop" for each in decisions)


def scene(stage):
    stage.say("Residency: one function may go to any region, its twin only to r2 and r3; r1 is the nearest.")
    stage.deploy("anywhere", "echo", "--place", "region", "--warm-min", 1)
    stage.deploy("confined", "echo", "--place", "region", "--warm-min", 1, "--regions", "r2,r3")
    free, confined = executed_in(stage, "anywhere", 20), executed_in(stage, "confined", 20)
    need(free["r1"] > 10, f"the nearest for most: {dict(free)}")
    need(set(confined) <= {"r2", "r3"} and sum(confined.values()) == 20, f"never to r1: {dict(confined)}")
    told = stage.ctl("explain", "confined")
    barred = next(each["eligibility"] for each in told["candidates"] if each["region"] == "r1")
    stage.say(f"  {dict(free)} and {dict(confined)}; skerryctl explain says of r1: {barred}")
    return {"requests": 40, "anywhere_in_r1": free["r1"], "confined_in_r1": confined["r1"]}
