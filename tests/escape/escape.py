"""A function tries to leave its jail, or to use up the machine. After each attempt: it was stopped as the table says, its
neighbour is served as before, and so is the function itself.   escape.py BUILD [KIND [ROW …]]
KIND is one of runtimes, or `granted`: a native function with a network."""
import contextlib
import pathlib
import sys
import time
import types

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import artifacts  # noqa: E402
import leaks  # noqa: E402
import rig  # noqa: E402
import scene as scenes  # noqa: E402
import table  # noqa: E402
import tap  # noqa: E402

LETTERS = {"native": "x", "granted": "i", "provided": "y", "python3": "p", "nodejs": "j"}  # labs of kinds may be up at the same time


# How most workers of a kind come to be in this suite.
STANDBY = {"native": "standby_copy", "python3": "standby_copy", "nodejs": "standby"}


def attempt(row, scene):
    if scene.kind in STANDBY:  # who takes the place of a worker that ends now is one that stood by
        tap.eventually(lambda: scene.lab.ctl("status")["standbys"][scene.kind] > 0, "a worker that stands by")
    payload = " ".join([row.name, *map(str, row.words(scene))])
    scene.denied_before = scene.denied_calls()
    status, answer = scene.ask(payload)
    try:
        row.expect.check(status, answer, scene)
        tap.equal(scene.connections(), 0, "services of the host that were reached")
        scene.check_neighbour("after it")
    finally:
        if row.fouls and status == "ok":
            scene.end_worker()
        scene.served_again()


def test_of(row):
    def test(scene):
        attempt(row, scene)
    return test


def take_stock(scene):
    # A server makes jails ready, and templates, when it has time for it.
    def at_rest():
        found = leaks.state(scene)
        time.sleep(1.5)
        return found if found == leaks.state(scene) else None
    scene.before = tap.eventually(at_rest, "a server at rest", 30)


def nothing_is_left(scene):
    """As many processes, namespaces, mounts, groups, files and descriptors as before the first attempt."""
    try:
        tap.eventually(lambda: not leaks.more(scene.before, leaks.state(scene)), "the state of before", 10)
    except AssertionError:
        tap.equal(leaks.more(scene.before, leaks.state(scene)), {}, "(before, now)")


def nothing_is_left_of_deleted_functions(scene):
    for name in ("escape", "neighbour"):
        scene.lab.ctl("function", "delete", name)
    tap.eventually(lambda: not scene.worker_pids(), f"no process of a worker; found {scene.worker_pids()}")


def single_use_finds_nothing(scene):
    """A worker of one invocation: the next has another /tmp and another memory."""
    program = scene.lab.plan.build / "tests/escape/function/bootstrap"
    for name, options, found in (("shared", [], "note=done\ncalls=2\n"), ("once", ["--single-use"], "note=ENOENT\ncalls=1\n")):
        scene.lab.ctl("function", "deploy", name, "--artifact", program, "--place", "pop", "--warm-min", "1", "--warm-max",
                      "1", *options)
        tap.equal(scene.client.invoke(name, b"note_in_tmp leave", 8000).payload, b"note=done\ncalls=1\n", name)
        tap.equal(scene.client.invoke(name, b"note_in_tmp", 8000).payload.decode(), found, name)
        scene.lab.ctl("function", "delete", name)


def most_workers_stood_by(scene):
    """The attempts were made by workers that had been started before it was known for which function."""
    versions = scene.lab.ctl("function", "describe", "escape")["versions"]
    ways = versions[0]["cold_start"]["ways"]
    print(f"# workers of the escape function: {ways}")
    way = STANDBY[scene.kind]
    assert ways[way] > sum(count for each, count in ways.items() if each != way), ways


def tests_of(kind, names):
    """All tests as a module, in their order."""
    made = types.ModuleType("escape_" + kind)
    made.test_before = take_stock
    for row in table.GRANTED if kind == "granted" else table.ROWS:
        if (kind in row.kinds or kind == "granted") and (not names or row.name in names):
            assert not hasattr(made, row.test_name), row.name
            setattr(made, row.test_name, test_of(row))
    if not names and kind == "native":
        made.test_hostile_archives_are_refused = artifacts.test_hostile_archives_are_refused
        made.test_single_use_finds_nothing = single_use_finds_nothing
        made.test_a_bootstrap_that_is_skerryd_itself = artifacts.test_a_bootstrap_that_is_skerryd_itself
    if not names and kind in STANDBY:
        made.test_most_workers_stood_by = most_workers_stood_by
    made.test_nothing_is_left = nothing_is_left
    made.test_nothing_is_left_of_deleted_functions = nothing_is_left_of_deleted_functions
    return made


def main():
    kind = sys.argv[2] if len(sys.argv) > 2 else "native"
    with contextlib.ExitStack() as stack:
        settings = [f"more={stack.enter_context(scenes.egress())}"] if kind == "granted" else []
        lab = stack.enter_context(rig.Rig(sys.argv[1], LETTERS[kind], regions=1, settings=settings))
        scene = scenes.Scene(lab, "native" if kind == "granted" else kind, ["--egress", "outside"] if settings else [])
        try:
            scene.deploy()
            code = tap.run(tests_of(kind, sys.argv[3:]), scene)
            print(f"# the neighbour's slowest answer took {scene.slowest_s * 1000:.0f} ms")
        finally:
            scene.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
