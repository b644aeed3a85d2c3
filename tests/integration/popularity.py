"""A POP that knows more functions than it has rows: what is asked for often is counted and executed here, the rest in the region."""
import collections
import contextlib
import re
import sys

import placement
import rig
import tap
from run import end
from tap import equal, eventually

ROWS = 6
MANY = [f"f{i}" for i in range(24)]
sent = collections.Counter()  # of this test, by the POP that has begun last
failures = []


def row(lab, name):
    return lab.ctl("function", "describe", name)["row"]


def with_rows(lab):
    return {each["name"] for each in lab.ctl("function", "list")["functions"] if each["row"]["own"]}


def check(requests, name):
    sent[name] += len(requests)
    failures.extend((name, rig.status(each)) for each in requests if each.status != rig.CODES["ok"])


@contextlib.contextmanager
def asked(lab, rates):
    """Each function so often, until the block's end; every request must be answered well."""
    with placement.asked(lab, rates, check):
        yield
    equal(failures, [], "requests that failed")


def once(lab, name):
    client = lab.client()
    request = client.invoke(name, b"x")
    client.close()
    check([request], name)
    return request


def arrivals(lab):
    text = lab.run("curl", "-sS", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics").stdout
    found = re.findall(r'^skerry_function_arrivals_total\{function="([^"]+)"\} (\d+)$', text, re.M)
    return {name: int(count) for name, count in found}


def test_the_first_ones_get_the_rows(lab):
    config = lab.plan.dir / "pop.toml"
    text = config.read_text()
    placement.rewrite(lab, lambda: config.write_text(text.replace("[dataplane]", f"[dataplane]\nfunction_rows = {ROWS}", 1)))
    lab.deploy("kept", "echo", "--warm-min", "1")
    for name in MANY:
        lab.deploy(name, "echo")
    equal(with_rows(lab), {"kept", *MANY[:ROWS - 1]})
    equal(row(lab, "kept")["why"], "warm_min")


def test_without_a_row_it_is_executed_in_the_region(lab):
    for name in MANY[10:20]:
        request = once(lab, name)
        equal((rig.status(request), request.place), ("ok", "r1"), name)
    equal(once(lab, "kept").place, "pop")
    told = lab.ctl("explain", MANY[12])
    equal((told["verdict"], told["row"]["own"]), ("forward", False))
    assert "rows are others'" in told["row"]["why"], told["row"]
    for verb in (("explain", MANY[12]), ("function", "describe", MANY[12])):
        done = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), *verb)
        assert "row: none of its own" in done.stdout and "as the sketch says" in done.stdout, done.stdout + done.stderr
    equal(len(with_rows(lab)), ROWS, "functions with a row")
    counted = arrivals(lab)
    equal((counted["(others)"], counted["kept"]), (10, 1))


def test_one_becomes_popular_and_is_executed_here(lab):
    star = MANY[-1]
    equal(row(lab, star)["own"], False)
    with asked(lab, {star: 40}):
        eventually(lambda: row(lab, star)["own"], f"{star} has a row")
        eventually(lambda: lab.ctl("explain", star)["verdict"] == "local", f"{star} is served here")
        eventually(lambda: once(lab, star).place == "pop", f"{star} is executed here")
    assert row(lab, "kept")["own"], "what is pinned keeps its row"
    equal(len(with_rows(lab)), ROWS, "functions with a row")


def test_another_falls_asleep_and_gives_its_row_back(lab):
    star = MANY[-1]
    with asked(lab, {name: 12 for name in MANY[10:10 + ROWS - 1]}):
        eventually(lambda: with_rows(lab) == {"kept", *MANY[10:10 + ROWS - 1]}, "those that are asked for have the rows", 40)
        eventually(lambda: lab.ctl("explain", MANY[10])["verdict"] == "local", "and are served here")
        told = row(lab, star)
        assert not told["own"] and told["per_s"] < 5, told
        equal(once(lab, star).place, "r1")


def test_what_was_counted_adds_up(lab):
    eventually(lambda: sum(arrivals(lab).values()) == sum(sent.values()),
               f"{sum(sent.values())} requests are in the metrics: {arrivals(lab)}")
    counted = arrivals(lab)
    assert counted["kept"] == sent["kept"] and counted["(others)"] >= sent[MANY[-1]], (counted, sent)


def test_who_needs_a_row_takes_it_and_the_last_is_refused(lab):
    for i in range(ROWS - 1):
        lab.deploy(f"own{i}", "echo", "--max-per-s", "1000")
    equal(with_rows(lab), {"kept", *(f"own{i}" for i in range(ROWS - 1))})
    done = lab.ctl("function", "deploy", "one-more", "--artifact", lab.artifact("echo"), "--max-per-s", "1000", check=False)
    assert done.returncode != 0 and "needs a row of its own (max_per_s)" in done.stdout + done.stderr, done
    equal((rig.status(once(lab, MANY[0])), rig.status(once(lab, "own0"))), ("ok", "ok"))
    lab.ctl("function", "delete", "own0")
    lab.deploy("one-more", "echo", "--max-per-s", "1000")
    assert row(lab, "one-more")["own"]


def test_after_a_start_those_that_need_one_have_theirs(lab):
    placement.rewrite(lab, lambda: None)
    equal(with_rows(lab), {"kept", "one-more", *(f"own{i}" for i in range(1, ROWS - 1))})
    eventually(lambda: lab.ctl("explain", MANY[0])["verdict"] == "forward", "the region is there")
    equal(rig.status(once(lab, MANY[0])), "ok")


def test_a_region_without_a_row_for_it_says_so(lab):
    lab.ctl("function", "delete", "own1")
    held = len(lab.ctl("function", "list", node="r1")["functions"])
    end(lab.plan.dir / "r1.pid")
    config = lab.plan.dir / "r1.toml"
    config.write_text(config.read_text().replace("[dataplane]", f"[dataplane]\nfunction_rows = {held}", 1))
    lab.lab("start", "r1")
    eventually(lambda: lab.ctl("explain", MANY[0])["verdict"] == "forward", "the region is there")
    lab.deploy("here", "echo")
    assert row(lab, "here")["own"], "the POP has a row for it"

    def refused():
        state, = lab.ctl("function", "describe", "here")["region_states"]
        return state["state"] == "failed" and "needs a row of its own" in state["error"]
    eventually(refused, "the region's reason is told")
    eventually(lambda: once(lab, "here").place == "pop", "it is executed where it can be")
    done = lab.ctl("function", "deploy", "elsewhere", "--artifact", lab.artifact("echo"), check=False)
    assert done.returncode != 0 and "no region took it" in done.stdout + done.stderr, done
    lab.ctl("function", "delete", "own2")
    eventually(lambda: lab.ctl("function", "describe", "here")["region_states"][0]["state"] == "current", "the region has it", 30)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "v", regions=1, settings=["idle_timeout_ms=2000"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
