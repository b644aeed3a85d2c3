"""CPU time of one invocation, memory of all of a worker's processes, and the tail of its log with the reply."""
import json
import sys

import rig
import runtimes
import tap
from tap import equal, eventually


def invoke(lab, name, payload, *words, deadline_ms=10000):
    """One reply as skerryctl tells it."""
    done = lab.run(lab.skerryctl, "--json", "invoke", name, "--pop", lab.plan.pop, "--payload", payload, "--deadline-ms",
                   str(deadline_ms), *words)
    assert done.stdout, (done.returncode, done.stderr)
    return json.loads(done.stdout)


def ask(lab, name, what, *words):
    return invoke(lab, name, json.dumps({"do": what}), *words)


def over_cpu(lab, name):
    return lab.ctl("function", "describe", name)["versions"][-1]["cpu_limit"]


def metrics(lab):
    done = lab.run("curl", "-sS", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics")
    return done.stdout


def has_cpu_groups():
    with open("/proc/self/cgroup", encoding="ascii") as groups:
        text = groups.read()
    return "cpuacct" in text or text.startswith("0::")


def has_memory_groups():
    with open("/proc/self/cgroup", encoding="ascii") as groups:
        text = groups.read()
    return ":memory:" in text or text.startswith("0::")


def test_a_handler_that_computes_without_end(lab):
    runtimes.deploy(lab, "snake", "snake", "--timeout-ms", "5000", "--cpu-ms", "100")
    reply = ask(lab, "snake", "burn", "--tail")
    body = json.loads(reply["payload"])
    equal((reply["status"], body["errorType"]), ("cpu_limit", "Sandbox.CpuTimeExceeded"))
    assert body["errorMessage"].endswith("Task used more CPU time than its limit of 0.10 seconds"), body
    assert reply["run_us"] < 5_000_000 and reply["elapsed_us"] < 5_000_000, reply
    assert "Error Type: Sandbox.CpuTimeExceeded" in reply["tail"], reply
    equal(over_cpu(lab, "snake"), 1)
    equal(lab.reasons()["failed_cpu_limit"], 1)
    assert 'skerry_worker_ends_total{end="cpu_limit"} 1' in metrics(lab)
    equal(ask(lab, "snake", "")["status"], "ok", "its worker is replaced")


def test_one_that_only_takes_long(lab):
    equal(ask(lab, "snake", "nap")["status"], "ok")
    equal(over_cpu(lab, "snake"), 1)


def test_many_short_ones_are_no_long_one(lab):
    for number in range(100):
        equal(invoke(lab, "snake", json.dumps({"n": number}))["status"], "ok", number)
    equal(over_cpu(lab, "snake"), 1)


def test_the_time_of_its_children_counts(lab):
    if not has_cpu_groups():
        return  # nobody counts it then
    equal(ask(lab, "snake", "burn in a child")["status"], "cpu_limit")
    equal(ask(lab, "snake", "")["status"], "ok", "its worker is replaced")


def test_a_child_that_eats_all_memory_ends_its_worker(lab):
    if not has_memory_groups():
        return  # nobody ends it for that then
    runtimes.deploy(lab, "eater", "snake", "--timeout-ms", "20000", "--memory-mib", "128")
    reply = invoke(lab, "eater", json.dumps({"do": "eat in a child"}), "--tail", deadline_ms=25000)
    equal(reply["status"], "worker_died")
    assert reply["elapsed_us"] < 10_000_000, reply
    assert "needed more memory than its 128 MiB" in reply["tail"], reply
    version = lab.ctl("function", "describe", "eater")["versions"][-1]
    equal((version["crashed"], version["out_of_memory"], version["failed_starts"]), (1, 1, 0))
    equal(ask(lab, "eater", "")["status"], "ok", "its worker is replaced")


def test_a_native_function(lab):
    lab.deploy("burner", "work", "--place", "pop", "--warm-min", "1", "--timeout-ms", "8000", "--cpu-ms", "100")
    equal(invoke(lab, "burner", "us=6000000 mode=burn")["status"], "cpu_limit")
    equal(invoke(lab, "burner", "us=1000000 mode=sleep")["status"], "ok")
    equal(over_cpu(lab, "burner"), 1)


def test_the_tail_of_a_python_function(lab):
    reply = ask(lab, "snake", "log", "--tail")
    lines = reply["tail"].splitlines()
    request = lines[0].split()[2]
    equal(request.replace("-", ""), reply["request_id"])
    equal([lines[0].split()[0], lines[1], lines[2]], ["START", f"a line of {request}", f"END RequestId: {request}"])
    assert lines[3].startswith(f"REPORT RequestId: {request}\t"), lines
    equal(json.loads(reply["payload"])["id"], request, "the result is not mixed with it")
    assert "tail" not in ask(lab, "snake", "log"), "nobody has asked for it"


def test_the_tail_of_a_custom_runtime(lab):
    runtimes.deploy(lab, "shell", "shell")
    reply = ask(lab, "shell", "log", "--tail")
    equal(reply["payload"], '"logged"')
    lines = reply["tail"].splitlines()
    equal([line.split()[0] for line in lines], ["START", "a", "another,", "END", "REPORT"])


def test_the_tail_of_a_native_function(lab):
    lab.deploy("work", "work", "--place", "pop", "--warm-min", "1")
    reply = invoke(lab, "work", "us=1", "--tail")
    high, low = reply["request_id"][:16], reply["request_id"][16:]
    equal(reply["tail"], f"executed {high}-{low}\n")
    assert reply["payload"].startswith("version="), reply


def test_a_tail_fits_what_the_result_leaves(lab):
    reply = invoke(lab, "work", "us=1 bytes=1350", "--tail")
    equal((reply["status"], reply["payload_bytes"]), ("ok", 1350))
    assert len(reply["tail"]) <= 10, reply


def test_the_tail_from_a_region(lab):
    lab.deploy("far", "work", "--place", "region", "--warm-min", "1")
    reply = invoke(lab, "far", "us=1", "--tail")
    assert reply["place"] in lab.plan.regions, reply
    assert reply["tail"].startswith("executed "), reply


def test_the_tail_of_a_worker_that_died(lab):
    def says_how():
        reply = ask(lab, "snake", "die", "--tail")
        equal(reply["status"], "worker_died")
        lines = reply["tail"].splitlines()
        equal(lines[1], "last words")
        assert any(line.startswith("REPORT ") and line.endswith("Status: error") for line in lines), lines
        return any("exited with code 3" in line for line in lines)
    # A reply waits for its tail, but not for ever: on a busy machine the news of the end may come later.
    eventually(says_how, "a tail says how its worker ended", 20)


def test_the_tail_of_one_that_took_too_long(lab):
    runtimes.deploy(lab, "brief", "snake", "--timeout-ms", "300")
    reply = ask(lab, "brief", "sleep", "--tail")
    equal(reply["status"], "worker_hung")
    assert reply["tail"].startswith("START ") and reply["tail"].endswith("Status: timeout\n"), reply


def test_first_answers_are_measured(lab):
    phases = lab.ctl("function", "describe", "snake")["versions"][-1]["cold_start"]["phases"]
    assert phases["first_answer"]["p99_us"] > 0, phases
    assert 'skerry_function_cold_start_us{function="snake",phase="first_answer",quantile="0.5"}' in metrics(lab)


def test_nobody_waited_for_a_tail_in_vain(lab):
    text = metrics(lab)
    sent = [line for line in text.splitlines() if line.startswith("skerry_tails_sent_total")]
    assert sent and sum(int(line.split()[-1]) for line in sent) >= 6, sent


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "l", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
