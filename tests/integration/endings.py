"""Every way a request can end, seen by an ordinary kernel client."""
import subprocess
import sys
import time

import rig
import tap
from rig import status
from tap import equal


def test_executed_here_over_ipv4_and_ipv6(lab):
    lab.deploy("here", "echo", "--warm-min", "1")
    for v6 in (False, True):
        client = lab.client(v6)
        reply = client.invoke("here", b"hello")
        equal((status(reply), reply.payload, reply.place), ("ok", b"hello", "pop"), "IPv6" if v6 else "IPv4")
        client.close()


def test_executed_by_a_region(lab):
    lab.deploy("there", "echo", "--place", "region")
    for v6 in (False, True):  # the client's; trunk.py has regions with IPv6
        client = lab.client(v6)
        reply = client.invoke("there", b"hello")
        equal((status(reply), reply.payload), ("ok", b"hello"))
        assert reply.place in lab.plan.regions, reply.place
        client.close()


def test_the_functions_own_error(lab):
    lab.deploy("work", "work", "--warm-min", "1")
    client = lab.client()
    reply = client.invoke("work", b"fail=1")
    equal(status(reply), "function_error")
    client.close()


def test_what_is_not_deployed(lab):
    client = lab.client()
    equal(status(client.invoke("nobody", b"")), "no_such_function")
    client.close()
    done = lab.ctl("invoke", "here", "--pop", lab.plan.pop, "--qualifier", "0123456789abcdef", check=False)
    equal(done.returncode, 1)
    assert "no_such_version" in done.stdout + done.stderr, done.stdout + done.stderr


def test_an_explicit_version(lab):
    old = lab.deploy("versions", "work", "--warm-min", "1", version_txt="one")
    lab.deploy("versions", "work", "--warm-min", "1", version_txt="two")
    for qualifier, marker in ((old["version"][:16], "version=one"), (None, "version=two")):
        words = ["--qualifier", qualifier] if qualifier else []
        done = lab.run(lab.skerryctl, "invoke", "versions", "--pop", lab.plan.pop, "--payload", "us=1", *words)
        equal(done.returncode, 0, done.stderr)
        assert marker in done.stdout, (marker, done.stdout)


def test_too_large_for_the_function(lab):
    lab.deploy("small", "echo", "--warm-min", "1", "--max-payload-bytes", "100")
    client = lab.client()
    equal(status(client.invoke("small", bytes(101))), "too_large")
    equal(status(client.invoke("small", bytes(100))), "ok")
    client.close()


def test_an_answer_too_large_for_a_datagram(lab):
    client = lab.client()
    equal(status(client.invoke("work", b"bytes=3000")), "answer_too_large")
    client.close()


def test_a_deadline(lab):
    client = lab.client()
    equal(status(client.invoke("work", b"us=400000 mode=sleep", deadline_ms=100)), "deadline_exceeded")
    client.close()


def test_a_worker_that_dies_hangs_or_lies_is_replaced(lab):
    lab.deploy("rogue", "rogue", "--warm-min", "1", "--warm-max", "1", "--timeout-ms", "300")
    client = lab.client()
    for order, expected in (("crash", "worker_died"), ("exit 3", "worker_died"), ("pause", "worker_hung"),
                            ("status 77", "worker_malformed"), ("length 100000000", "worker_malformed")):
        tap.eventually(lambda: lab.ctl("function", "describe", "rogue")["versions"][-1]["free_slots"] == 1,
                       f"a fresh worker before {order}")
        equal(status(client.invoke("rogue", order.encode())), expected, order)
    tap.eventually(lambda: status(client.invoke("rogue", b"ok")) == "ok", "the slot is not lost")
    client.close()


def test_overload_is_refused_at_once(lab):
    lab.deploy("busy", "work", "--place", "pop", "--warm-min", "1", "--warm-max", "1")
    client = lab.client()
    # One is executed, some wait; beyond their deadline they are told so.
    requests = [client.new_request() for _ in range(30)]
    for request in requests:
        client.begin(request, "busy", b"us=100000 mode=sleep", 350)
    client.wait(requests, 5)
    ends = {status(request) for request in requests}
    assert ends <= {"ok", "deadline_exceeded", "overloaded"}, ends
    assert "ok" in ends and len(ends) > 1, ends
    client.close()


def test_a_bootstrap_that_does_not_start_is_refused_at_deploy(lab):
    folder = lab.artifact("rogue", start_txt="crash")
    done = lab.ctl("function", "deploy", "broken", "--artifact", folder, check=False)
    equal(done.returncode, 1)
    assert "start-failed" in done.stdout + done.stderr, done.stdout + done.stderr
    client = lab.client()
    equal(status(client.invoke("broken", b"")), "no_such_function")
    client.close()


def test_a_function_that_does_not_start_any_more(lab):
    outcome = lab.deploy("doomed", "rogue", "--place", "pop", "--warm-min", "1", "--warm-max", "1")
    # Deployed while it could start. Since then the server's copy of it has been damaged.
    installed = lab.plan.node_dir("pop") / "artifacts" / outcome["version"]
    (installed / "start.txt").write_text("crash")
    client = lab.client()
    equal(status(client.invoke("doomed", b"crash")), "worker_died")
    equal(status(client.invoke("doomed", b"ok", 8000)), "start_failed")
    # An operator sees that it is held back, why, and what it said.
    # What it said is another thread's to store, a moment later.
    held = tap.eventually(lambda: next((each for each in lab.ctl("function", "describe", "doomed")["versions"]
                                        if each["state"] == "backing off" and each["failed_starts"] > 1
                                        and each["last_log"][-1:] == [each["last_error"]]), None), "backing off, and why")
    assert held["last_error"].startswith("the worker was ended by signal "), held
    # Mended, and tried again after a while.
    (installed / "start.txt").unlink()
    tap.eventually(lambda: status(client.invoke("doomed", b"ok")) == "ok", "it starts again", 30)
    client.close()


def test_a_worker_that_dies_hangs_or_lies_in_a_region(lab):
    lab.deploy("farrogue", "rogue", "--place", "region", "--warm-min", "1", "--timeout-ms", "300")
    client = lab.client()
    for order, expected in (("crash", "worker_died"), ("pause", "worker_hung"), ("status 77", "worker_malformed")):
        reply = client.invoke("farrogue", order.encode(), 6000)
        equal((status(reply), reply.place in lab.plan.regions), (expected, True), order)
    tap.eventually(lambda: status(client.invoke("farrogue", b"ok")) == "ok", "its region has replaced it")
    client.close()


def test_a_function_error_in_a_region(lab):
    lab.deploy("faulty", "work", "--place", "region")
    client = lab.client()
    reply = client.invoke("faulty", b"fail=1")
    equal((status(reply), reply.place in lab.plan.regions), ("function_error", True))
    assert b"asked to fail" in reply.payload, reply.payload
    client.close()


def test_a_deleted_function(lab):
    client = lab.client()
    for name, options in (("brief", ("--warm-min", "1")), ("brieffar", ("--place", "region"))):
        lab.deploy(name, "echo", *options)
        equal(status(client.invoke(name, b"x")), "ok", name)
        lab.ctl("function", "delete", name)
        equal(status(client.invoke(name, b"x")), "no_such_function", name)
        lab.deploy(name, "echo", *options)
        equal(status(client.invoke(name, b"x")), "ok", f"{name}, deployed again")
        lab.ctl("function", "delete", name)
    client.close()


def test_a_retransmit_is_executed_once(lab):
    client = lab.client()
    client.invoke("work", b"us=1")  # the cookie
    request = client.new_request()
    client.begin(request, "work", b"us=50000 mode=sleep", 3000)
    for _ in range(5):
        client.transmit(request.low)
        time.sleep(0.005)
    client.wait([request], 3)
    equal(status(request), "ok")
    equal(max(lab.executions("work").values()), 1)
    assert lab.reasons()["joined"] >= 5, lab.reasons()
    client.close()


def test_draining(lab):
    lab.ctl("drain")
    client = lab.client()
    tap.eventually(lambda: status(client.invoke("here", b"x")) == "draining", "refused while draining")
    lab.ctl("drain", "--undo")
    tap.eventually(lambda: status(client.invoke("here", b"x")) == "ok", "served again")
    client.close()


def test_echo_and_fragments(lab):
    for command in (["ping", "-c", "2", "-W", "2", lab.plan.address("pop")],
                    ["ping", "-6", "-c", "2", "-W", "2", lab.plan.address6("pop")]):
        done = lab.run(*command)
        equal(done.returncode, 0, done.stdout + done.stderr)
    # Behind net_af_packet the kernel puts fragments together first, into more than a buffer takes.
    before = lab.reasons()
    lab.run("ping", "-c", "1", "-W", "1", "-s", "3000", "-M", "dont", lab.plan.address("pop"))
    after = lab.reasons()
    assert sum(after[each] - before[each] for each in ("drop_fragment", "drop_runt")) > 0, (before, after)


def test_damaged_datagrams_are_dropped_and_counted(lab):
    client = lab.client()
    before = lab.reasons()
    client.sock.send(b"x")
    client.sock.send(bytes(200))
    tap.eventually(lambda: lab.reasons()["drop_not_skerry"] >= before["drop_not_skerry"] + 2, "counted")
    client.close()


def test_a_silent_region_after_accepting_is_outcome_unknown(lab):
    lab.deploy("slow", "work", "--place", "region", "--warm-min", "1")
    client = lab.client()
    first = client.invoke("slow", b"us=1")
    request = client.new_request()
    client.begin(request, "slow", b"us=2500000 mode=sleep", 8000)
    time.sleep(0.3)
    lab.lab("kill", first.place)
    client.wait([request], 10)
    equal(status(request), "outcome_unknown")
    # Others go elsewhere meanwhile.
    equal(status(client.invoke("slow", b"us=1")), "ok")
    lab.lab("start", first.place)
    tap.eventually(lambda: lab.ctl("status")["regions"]["healthy"] == 2, "the region comes back", 30)
    client.close()


def test_an_exit_amid_a_crowd(lab):
    """Those that wait are in the channels of the two workers, ahead of their turn."""
    lab.deploy("crowd", "work", "--place", "pop", "--warm-min", "2", "--warm-max", "2")
    client = lab.client()
    for _ in range(4):
        equal(status(client.invoke("crowd", b"us=1")), "ok")
    # On a machine that is busy with other things any function may look too long for it at first.
    before, asked = handed_ahead(lab), 4
    for _ in range(5):
        crowd = []
        for number in range(200):
            request = client.new_request()
            client.begin(request, "crowd", b"us=50 exit=1" if number % 50 == 20 else b"us=50", 10000)
            crowd.append(request)
        client.wait(crowd, 12)
        for number, request in enumerate(crowd):
            equal(status(request), "worker_died" if number % 50 == 20 else "ok", number)
        asked += len(crowd)
        if handed_ahead(lab) > before:
            break
    assert handed_ahead(lab) > before, "none was handed over ahead"
    executed = lab.executions("crowd")
    equal([count for count in executed.values() if count != 1], [], "executed more than once")
    equal(len(executed), asked)
    client.close()


def handed_ahead(lab):
    done = lab.run("curl", "-sS", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics")
    return sum(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("skerry_handed_ahead_total{"))


def test_no_region_left(lab):
    for region in lab.plan.regions:
        lab.lab("kill", region)
    client = lab.client()
    tap.eventually(lambda: status(client.invoke("there", b"", 500)) in ("no_region",), "no region", 20)
    # What may run here still does.
    equal(status(client.invoke("here", b"x")), "ok")
    for region in lab.plan.regions:
        lab.lab("start", region)
    tap.eventually(lambda: status(client.invoke("there", b"x")) == "ok", "served again", 30)
    client.close()


if __name__ == "__main__":
    with rig.from_arguments("e", "v") as made:
        code = tap.run(sys.modules["__main__"], made)
    left = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True, check=True).stdout
    assert made.plan.name not in left, "the lab left namespaces behind"
    sys.exit(code)
