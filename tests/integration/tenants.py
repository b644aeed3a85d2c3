"""Tenants that share a full POP: closed-loop clients of two tenants of weights 1 and 3, one that asks ten times as much, what is
reserved, what is limited, and who is sent to a region. Counted is what was executed, never how fast."""
import json
import subprocess
import sys
import tempfile
import time

import rig
import tap
from http_clients import INVOKE, invoke
from tap import equal, eventually

PERMITS = 8  # that are common
TENANTS = """
[limits]
concurrency = 10
[[tenant]]
name = "bronze"
weight = 100
[[tenant]]
name = "silver"
weight = 300
[[tenant]]
name = "gold"
weight = 100
reserved = 2
limit = 4
"""
NAP = b"us=30000 mode=sleep"


def tenant(lab, name):
    return next(each for each in lab.ctl("tenant", "list")["tenants"] if each["name"] == name)


def executed(lab):
    return {each["name"]: each["executed"] for each in lab.ctl("tenant", "list")["tenants"]}


class Clients:
    """So many that each ask again as soon as they have an answer, until they are stopped."""

    def __init__(self, lab, function, count):
        script = lab.new_folder() / "post.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = "{NAP.decode()}"\n')
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", lab.plan.namespace("client"), "wrk", "-t1", f"-c{count}", "-d60s", "-s", script,
             lab.plan.pop_url() + INVOKE.format(function)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def share(lab, seconds=2.0, settle_s=0.5):
    """Of what bronze and silver had executed: silver's part; and how many both had."""
    time.sleep(settle_s)
    before = executed(lab)
    time.sleep(seconds)
    after = executed(lab)
    done = {name: after[name] - before[name] for name in ("bronze", "silver")}
    return done["silver"] / max(sum(done.values()), 1), done


def test_functions_of_tenants(lab):
    for name in ("bronze", "silver"):
        lab.deploy(name, "work", "--place", "pop", "--tenant", name, "--warm-min", str(PERMITS), "--warm-max", str(PERMITS))
    lab.deploy("gold", "work", "--place", "pop", "--tenant", "gold", "--warm-min", "4")
    lab.deploy("nobodys", "work", "--place", "pop")
    equal(lab.ctl("function", "describe", "silver")["limits"]["tenant"], "silver")
    equal(lab.ctl("function", "describe", "nobodys")["limits"]["tenant"], "default")
    listed = {each["name"]: each for each in lab.ctl("tenant", "list")["tenants"]}
    equal(list(listed), ["default", "bronze", "silver", "gold"])
    equal((listed["gold"]["reserved"], listed["gold"]["limit"], listed["silver"]["functions"]), (2, 4, 1))
    done = lab.ctl("function", "deploy", "other", "--artifact", lab.artifact("work"), "--tenant", "nickel", check=False)
    assert done.returncode != 0 and "no tenant called" in done.stderr, (done.stdout, done.stderr)


def test_one_alone_gets_all(lab):
    with Clients(lab, "bronze", 16):
        eventually(lambda: tenant(lab, "bronze")["executing"] >= PERMITS - 1, "all common permits are lent")
        equal(tenant(lab, "bronze")["may_use"], PERMITS)


def test_shares_are_by_weight(lab):
    with Clients(lab, "bronze", 16), Clients(lab, "silver", 16):
        part, done = share(lab)
        assert 0.70 <= part <= 0.80, (part, done)
        assert sum(done.values()) > 100, done
        # Nobody is refused: they wait for each other.
        equal(tenant(lab, "bronze")["refused"], {"limit": 0, "share": 0})


def test_an_attacker_does_not_move_the_other_below_its_share(lab):
    # Six clients of silver use its share of the permits and no more.
    with Clients(lab, "silver", 6):
        _, alone = share(lab, 1.0)
        with Clients(lab, "bronze", 160):
            _, attacked = share(lab)
    assert attacked["bronze"] > 0, attacked
    part = attacked["silver"] / max(sum(attacked.values()), 1)
    assert part >= 0.70, (alone, attacked)


def test_what_is_reserved_is_there(lab):
    with Clients(lab, "bronze", 16), Clients(lab, "silver", 16):
        time.sleep(0.5)
        before = executed(lab)["gold"]
        with Clients(lab, "gold", 2):
            eventually(lambda: executed(lab)["gold"] >= before + 20, "gold executes")
            assert tenant(lab, "gold")["executing"] <= 4


def test_over_its_limit_a_tenant_is_told_as_by_aws(lab):
    with Clients(lab, "gold", 4):
        eventually(lambda: tenant(lab, "gold")["in_flight"] == 4, "it has as many as it may")
        found = []

        def refused():
            answer = invoke(lab, "gold", NAP)
            if answer.status == 429:
                found.append(answer)
            return found

        eventually(refused, "one more is refused")
    told = json.loads(found[0].body)
    equal(told["Reason"], "ConcurrentInvocationLimitExceeded")
    equal(found[0].field("Retry-After"), "1")
    assert tenant(lab, "gold")["refused"]["limit"] > 0
    assert lab.reasons()["refused_tenant_limit"] > 0
    equal(invoke(lab, "gold", NAP).status, 200)


def test_who_gets_no_permit_is_sent_to_a_region(lab):
    lab.deploy("both", "work", "--tenant", "bronze", "--warm-min", "8", "--warm-max", "8")
    with Clients(lab, "silver", 16), Clients(lab, "both", 16):
        eventually(lambda: tenant(lab, "bronze")["spilled"] > 20, "bronze is sent to the region")
        part, done = share(lab)
        assert 0.65 <= part <= 0.85, (part, done)  # and has its share here


def test_a_tenant_that_keeps_all_workers_busy_makes_room(lab):
    del lab
    two = """
[[tenant]]
name = "bronze"
[[tenant]]
name = "silver"
weight = 300
"""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as text:
        text.write(two)
        text.flush()
        settings = [f"more={text.name}", "workers_max=8", "standby_native=0", "standby_python3=0", "standby_nodejs=0"]
        with rig.Rig(sys.argv[1], "j", regions=1, settings=settings) as small:
            for name, owner in (("hog", "bronze"), ("late", "silver")):
                small.deploy(name, "work", "--place", "pop", "--tenant", owner, "--warm-max", "8")
            with Clients(small, "hog", 24):
                eventually(lambda: tenant(small, "bronze")["workers"] == 8, "it has all places")
                with Clients(small, "late", 24):
                    eventually(lambda: tenant(small, "silver")["executing"] >= 5, "the other gets its share of them")
                    equal(tenant(small, "bronze")["executing"] > 0, True)


def test_metrics(lab):
    text = lab.run("curl", "-sS", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics").stdout
    for line in ('skerry_tenant_share{tenant="silver"} 4', 'skerry_tenant_executing{tenant="bronze"} ',
                 'skerry_tenant_refused_total{tenant="gold",why="limit"} ', 'skerry_tenant_spilled_total{tenant="bronze"} '):
        assert line in text, line


def test_nothing_is_left_counted(lab):
    eventually(lambda: all(each["in_flight"] == each["executing"] == 0 for each in lab.ctl("tenant", "list")["tenants"]),
               "all counts are back")


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as more:
        more.write(TENANTS)
        more.flush()
        with rig.Rig(sys.argv[1], "p", regions=1, settings=[f"more={more.name}"]) as the_lab:
            sys.exit(tap.run(sys.modules[__name__], the_lab))
