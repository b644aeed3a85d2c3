"""skerryd and its warden killed at random moments under load: the service comes back by itself, as the shipped unit would
have it, answers nothing wrong, and nothing is left of what died.

SKERRY_KILLS: how many (10; a full run has 50). SKERRY_SEED: the moments of an earlier run, as far as they are ours."""
import contextlib
import os
import random
import signal
import sqlite3
import statistics
import sys
import threading
import time

import leftovers
import rig
import tap
from leftovers import Snapshot
from service import Service
from steady import Steady
from tap import equal

KILLS = int(os.environ.get("SKERRY_KILLS", "10"))
SEED = int(os.environ.get("SKERRY_SEED", random.SystemRandom().randrange(1 << 32)))
BACK_S = 15.0  # from the kill to the first good answer, on a machine as busy as one that runs tests may be
# Ends that tell the caller the truth while a server dies and comes back.
CLEAR = {"ok", "silence", "worker_died", "overloaded", "start_failed", "deadline_exceeded", "draining"}


def uids(service):
    """Processes of workers' users that are not of the living server."""
    first = service.plan.first_uid
    living = Snapshot(service.supervisor.pid).family if service.supervisor.pid else {}
    found = []
    for process in leftovers.PROC.glob("[0-9]*"):
        words = leftovers.read(process / "status").split("\nUid:\t")
        if len(words) == 2 and first <= int(words[1].split()[0]) < first + 100 and int(process.name) not in living:
            found.append(process.name)
    return found


def check_nothing_is_left(service, dead, state, mounts):
    """Of servers that died. What is removed only when the next one starts has its time until now."""
    for each in dead:
        if left := each.remains():
            tap.eventually(lambda one=each: not one.remains(), f"these go: {left}", 5)
    tap.eventually(lambda: not uids(service), f"no worker of a dead server: {uids(service)}", 5)
    equal(leftovers.mounts(service.plan.name) - mounts, set(), "mounts")
    pid = service.supervisor.pid
    tap.eventually(lambda: not leftovers.zombies_below(pid), "no zombie", 5)
    node = service.plan.node_dir("pop")
    expected = {name for name in state if not name.startswith("artifacts/")}

    def tidy():
        found = leftovers.files(node, without=("logs/",))
        return {name for name in found if not name.startswith("artifacts/")} == expected and \
            {name.split("/")[1].split(".")[0] for name in found if name.startswith("artifacts/") and name != "artifacts/"} \
            <= needed_artifacts(service)
    tap.eventually(tidy, f"the state folder is tidy: {sorted(leftovers.files(node, without=('logs/',)))}", 10)


def needed_artifacts(service):
    with contextlib.closing(sqlite3.connect(service.plan.node_dir("pop") / "catalog.db")) as database:
        catalog = "".join(body for (body,) in database.execute("SELECT body FROM functions"))
    return {part.split(".")[0] for path in (service.plan.node_dir("pop") / "artifacts").iterdir()
            for part in [path.name] if part.split(".")[0] in catalog}


class Campaign:
    """Kills, one after the other."""

    def __init__(self, service, loads, seed):
        self.service, self.supervisor, self.loads = service, service.supervisor, loads
        self.random = random.Random(seed)
        self.seen = {"processes": 0, "namespaces": 0, "control groups": 0}
        self.dead, self.outages, self.exits, self.deploys = [], {"skerryd": [], "warden": []}, [], 0
        self.state = leftovers.files(service.plan.node_dir("pop"), without=("logs/",))
        self.mounts = leftovers.mounts(service.plan.name)
        self.known = service.versions()

    def deploy_meanwhile(self):
        """A deploy that the kill interrupts, or not."""
        self.deploys += 1
        marker = f"v{self.deploys}"
        folder = self.service.lab.artifact("work", version_txt=marker)
        thread = threading.Thread(target=lambda: self.service.lab.ctl(
            "function", "deploy", "moving", "--artifact", folder, "--place", "pop", "--warm-min", "1", check=False))
        thread.start()
        return thread

    def one(self, victim, early):
        run = self.supervisor.run
        deploy = None
        if early:  # while it starts
            time.sleep(self.random.uniform(0, 0.5))
        else:
            time.sleep(self.random.uniform(0.05, 1.0))
            if self.random.random() < 0.3:
                deploy = self.deploy_meanwhile()
                time.sleep(self.random.uniform(0, 0.3))
        snapshot = Snapshot(run["pid"])
        number = snapshot.warden if victim == "warden" and snapshot.warden else run["pid"]
        killed = time.monotonic()
        os.kill(number, signal.SIGKILL)
        self.dead.append(snapshot)
        for what, found in zip(self.seen, (snapshot.family, snapshot.namespaces, snapshot.groups)):
            self.seen[what] += len(found)
        self.supervisor.wait_end(run, BACK_S)
        if number != run["pid"]:
            self.exits.append(run["ended"] - killed)
            equal(run["code"], 1, "exit code without a warden")
        runs = len(self.supervisor.runs) + (self.supervisor.run is run)
        with self.supervisor.changed:
            assert self.supervisor.changed.wait_for(lambda: len(self.supervisor.runs) >= runs, BACK_S), "not restarted"
        if deploy:
            deploy.join()
        return killed

    def recover(self, victim, killed):
        # Not since the kill: a worker may have had an answer ready.
        began = self.supervisor.wait_ready(BACK_S)["started"]
        back = [tap.eventually(lambda one=each: one.first_good(began), f"{each.kind.function} is served again", BACK_S)
                for each in self.loads]
        self.outages[victim].append(back[0] - killed)
        check_nothing_is_left(self.service, self.dead, self.state, self.mounts)
        self.dead = []
        found = self.service.versions()
        equal({name: found.get(name) for name in self.known}, self.known, "functions and versions")

    def go(self, count):
        victims = ["skerryd", "warden"] * ((count + 1) // 2)
        self.random.shuffle(victims)
        early = False
        for number, victim in enumerate(victims[:count]):
            killed = self.one(victim, early)
            early = number + 1 < count and self.random.random() < 0.25
            if not early:
                self.recover(victim, killed)


def test_the_service_comes_back_after_every_kill(lab):
    print(f"# SKERRY_SEED={SEED} SKERRY_KILLS={KILLS}", flush=True)
    with Service(lab) as service:
        kinds = service.deploy_kinds()
        clients = [lab.client() for _ in kinds]
        loads = [Steady(client, kind) for client, kind in zip(clients, kinds)]
        for each in loads:
            each.__enter__()
        try:
            tap.eventually(lambda: all(each.first_good(0) for each in loads), "all kinds are served")
            campaign = Campaign(service, loads, SEED)
            campaign.go(KILLS)
            check_deploys(lab, campaign)
        finally:
            for each in loads:
                each.stop()
        for each, client in zip(loads, clients):
            client.close()
            ends = each.ends()
            print(f"# {each.kind.function}: {len(each.requests)} requests: {dict(ends)}", flush=True)
            equal(each.wrong(), [], "wrong answers")
            assert set(ends) <= CLEAR, ends
            assert ends["ok"] > len(each.requests) // 4, ends
        report(campaign)


def check_deploys(lab, campaign):
    """Of those that a kill cut off, each is there as a whole or not at all."""
    if "moving" not in campaign.service.functions():
        return
    client = lab.client()
    answer = client.invoke("moving", b"us=0")
    client.close()
    numbers = {f"version=v{number + 1} us=0".encode() for number in range(campaign.deploys)}
    assert rig.status(answer) == "ok" and answer.payload in numbers, (rig.status(answer), answer.payload)


def report(campaign):
    for victim, outages in campaign.outages.items():
        if outages:
            print(f"# {victim} killed: first good answer after {min(outages):.2f} … {statistics.median(outages):.2f} … "
                  f"{max(outages):.2f} s (least, median, most of {len(outages)})", flush=True)
    if campaign.exits:
        print(f"# skerryd ended {max(campaign.exits):.3f} s after its warden at the latest", flush=True)
    starts = [run["ready"] - run["started"] for run in campaign.supervisor.runs if run["ready"]]
    print(f"# from exec to ready: {min(starts):.2f} … {statistics.median(starts):.2f} … {max(starts):.2f} s", flush=True)
    print(f"# all gone: {campaign.seen}", flush=True)
    print(f"# {campaign.deploys} deploys were under way", flush=True)
    assert all(each < BACK_S for outages in campaign.outages.values() for each in outages), campaign.outages


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "k", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
