"""Who gets the POP's memory: of two functions the one that saves its callers more, also when that changes; and what is known of the
hour of the week, over a restart."""
import contextlib
import json
import sys
import threading
import time

import rig
import tap
from run import end
from tap import equal, eventually

HOURS = 168


def rewrite(lab, change):
    """The POP ends as it is told to, and starts with another configuration, or other files."""
    end(lab.plan.dir / "pop.pid")
    change()
    lab.lab("start", "pop")


@contextlib.contextmanager
def asked(lab, rates, judge=lambda requests, name: None):
    """Each function so often, until the block's end; `judge` is shown what became of it."""
    over = threading.Event()

    def ask(name, rate):
        client = lab.client()
        judge(client.load(name, [b"x"], rate, 90, until=over.is_set), name)
        client.close()

    threads = [threading.Thread(target=ask, args=each) for each in rates.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def kept(lab, name):
    return lab.ctl("function", "describe", name)["placement"]


def starts(lab, name):
    return sum(version["cold_start"]["starts"] for version in lab.ctl("function", "describe", name)["versions"])


def test_the_warm_slot_goes_where_it_saves_most(lab):
    config = lab.plan.dir / "pop.toml"
    text = config.read_text()
    rewrite(lab, lambda: config.write_text(text.replace("[workers]", "[workers]\nmemory_mib = 128", 1)))
    for name in ("one", "two"):
        lab.deploy(name, "echo", "--warm-max", "2")
    # Each was started once when it was deployed.
    before = {name: starts(lab, name) for name in ("one", "two")}
    most = 0
    for much, little in (("one", "two"), ("two", "one")):
        with asked(lab, {much: 60, little: 12}):
            def moved(m=much, n=little):
                nonlocal most
                most = max(most, lab.ctl("status")["workers"])
                return kept(lab, m)["workers"] == 1 and kept(lab, n)["workers"] == 0
            eventually(moved, f"{much} has the room")
            told = kept(lab, much)
            assert told["value_us_per_s"] > 0 and told["saved_us"] > 1000 and told["memory_max_mib"] == 128, told
            eventually(lambda m=much: lab.ctl("explain", m)["verdict"] == "local", f"{much} is served here")
            eventually(lambda n=little: "worth more" in lab.ctl("explain", n)["placement"]["why"], f"{little} is told why")
            equal(lab.ctl("explain", little)["verdict"], "forward", "nobody waits for it")
            for _ in range(10):  # and stays there
                equal((kept(lab, much)["workers"], kept(lab, little)["workers"]), (1, 0))
                time.sleep(0.05)
    after = {name: starts(lab, name) for name in ("one", "two")}
    equal({name: after[name] - before[name] for name in after}, {"one": 1, "two": 1}, "starts")
    assert most <= 2, f"{most} workers: one, and one that ends"


def test_the_plan_is_told_to_people(lab):
    for verb in (("explain", "one"), ("function", "describe", "one")):
        done = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), *verb)
        assert "placement: " in done.stdout and "worth: " in done.stdout, done.stdout + done.stderr


def test_what_is_usual_at_this_hour_is_ready_after_a_start(lab):
    path = lab.plan.node_dir("pop") / "forecasts.json"
    key = f"{int(lab.ctl('function', 'describe', 'one')['key'], 16):x}"

    def teach():
        # What it knew when it ended.
        known = json.loads(path.read_text())["functions"]
        assert known[key]["requests"] > 50, known
        hours = {"rates": [20.0] * HOURS, "weeks": [3] * HOURS, "hour": 0, "requests": 0, "seen_s": 0}
        path.write_text(json.dumps({"version": 1, "functions": {key: hours}}))

    rewrite(lab, teach)
    eventually(lambda: lab.ctl("explain", "one")["verdict"] == "local", "it is there before anybody has asked")
    told = kept(lab, "one")
    equal((told["rate_per_s"], told["forecast_per_s"], told["workers"]), (0, 20, 1))
    equal(kept(lab, "two")["workers"], 0)
    rewrite(lab, lambda: path.write_text("{"))
    equal(kept(lab, "one")["hour_per_s"], 0, "what is damaged is begun anew")


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "z", regions=1, settings=["idle_timeout_ms=2000"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
