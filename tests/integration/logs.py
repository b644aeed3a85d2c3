"""What functions write, as an operator finds it again: by request, bounded, harmless to look at."""
import pathlib
import subprocess
import sys
import threading
import time

import rig
import tap
from rig import status
from tap import equal, eventually

FUNCTIONS = pathlib.Path(__file__).resolve().parent / "functions"


def records(lab, name, *words):
    return lab.ctl("logs", name, *words)["records"]


def texts(lab, name, *words):
    return [record["text"] for record in records(lab, name, *words)]


def test_a_line_belongs_to_its_request(lab):
    lab.deploy("work", "work", "--place", "pop", "--warm-min", "1")
    client = lab.client()
    for _ in range(5):
        equal(status(client.invoke("work", b"us=100 mode=sleep")), "ok")
        time.sleep(0.05)
    client.close()
    eventually(lambda: len(texts(lab, "work")) == 5, "five lines")
    for record in records(lab, "work"):
        # The function logs its request id itself: the collector must have come to the same.
        equal(record["text"].removeprefix("executed ").replace("-", ""), record["request"])
        equal(texts(lab, "work", "--request", record["request"]), [record["text"]])
    equal(texts(lab, "work", "--since", "2999-01-01T00:00:00Z"), [])
    equal(len(texts(lab, "work", "--since", "10m")), 5)


def test_two_workers_interleaved(lab):
    lab.deploy("pair", "work", "--place", "pop", "--warm-min", "2", "--warm-max", "2")
    clients = [lab.client() for _ in range(2)]

    def ask(client):
        for _ in range(20):
            equal(status(client.invoke("pair", b"us=20000 mode=sleep")), "ok")
            time.sleep(0.002)

    threads = [threading.Thread(target=ask, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    found = eventually(lambda: (lambda all: all if len(all) == 40 else None)(records(lab, "pair")), "forty lines")
    for record in found:
        equal(record["text"].removeprefix("executed ").replace("-", ""), record["request"])
    equal(len({record["worker"] for record in found}), 2, "workers")


def test_a_flood_is_cut_and_harms_nobody(lab):
    lab.deploy("flood", "rogue", "--place", "pop", "--warm-min", "1", "--timeout-ms", "20000", "--log-kib", "8")
    flooder, calm = lab.client(), lab.client()
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(flooder.invoke("flood", b"log 20000", deadline_ms=20000)))
    thread.start()
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        equal(status(calm.invoke("work", b"us=100 mode=sleep")), "ok", "the neighbour")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    thread.join()
    equal(status(replies[0]), "ok", "the flooding function itself")
    assert slowest < 1, f"the neighbour waited {slowest} s"
    calm.invoke("flood", b"ok")
    calm.invoke("flood", b"log 1")

    def told():
        return [text for text in texts(lab, "flood") if "bytes of output dropped" in text]

    eventually(told, "the log says what is missing")
    assert told()[0].endswith("more than 8 KiB of one invocation"), told()
    kept = [text for text in texts(lab, "flood") if "dropped" not in text]
    assert 0 < sum(map(len, kept)) <= 3 * 8192, len(kept)
    files = list((lab.plan.node_dir("pop") / "logs").glob("flood.*.log"))
    assert sum(file.stat().st_size for file in files) < 100_000, files
    # Its neighbour's lines are all there.
    eventually(lambda: len(texts(lab, "work")) == 55, "all lines of the neighbour")
    flooder.close()
    calm.close()


def test_bytes_of_all_kinds_and_a_line_without_an_end(lab):
    folder = lab.new_folder()
    (folder / "bootstrap").write_text("#!/bin/bash\nprintf 'colour \\033[31m \\000 \\377 ä \\\\ and no end' >&2\nexit 7\n")
    (folder / "bootstrap").chmod(0o755)
    done = lab.ctl("function", "deploy", "odd", "--artifact", folder, "--runtime", "provided", "--place", "pop",
                   check=False)
    assert done.returncode == 1, done
    assert "exited with code 7" in done.stderr and "colour" in done.stderr, done.stderr
    found = eventually(lambda: texts(lab, "odd")[:2] if len(texts(lab, "odd")) >= 2 else None, "its last words")
    equal(found, ["colour \x1b[31m \x00 � ä \\ and no end", "the worker exited with code 7"])
    shown = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), "logs", "odd").stdout
    assert "\x1b" not in shown and "\\x1b[31m" in shown, shown


def test_start_end_and_report_of_the_runtime_api(lab):
    folder = lab.new_folder()
    (folder / "bootstrap").write_bytes((FUNCTIONS / "bash_bootstrap").read_bytes())
    (folder / "bootstrap").chmod(0o755)
    lab.ctl("function", "deploy", "shell", "--artifact", folder, "--runtime", "provided", "--place", "pop",
            "--warm-min", "1")
    client = lab.client()
    equal(status(client.invoke("shell", b'{"do":"log"}', deadline_ms=10000)), "ok")
    client.close()
    found = eventually(lambda: texts(lab, "shell") if len(texts(lab, "shell")) >= 5 else None, "five lines")
    request = records(lab, "shell")[-1]["request"]
    equal({record["request"] for record in records(lab, "shell")}, {request})
    equal([text.split()[0] for text in found], ["START", "a", "another,", "END", "REPORT"])
    assert "\tDuration: " in found[-1] and "\tMemory Size: 128 MB" in found[-1], found


def test_follow_shows_what_comes(lab):
    following = subprocess.Popen(
        ["ip", "netns", "exec", lab.plan.namespace("client"), lab.skerryctl, "--admin", lab.plan.admin_socket("pop"),
         "logs", "pair", "--follow"], text=True, stdout=subprocess.PIPE)
    try:
        for _ in range(40):
            assert "executed" in following.stdout.readline()
        client = lab.client()
        equal(status(client.invoke("pair", b"us=1 mode=sleep")), "ok")
        client.close()
        assert "executed" in following.stdout.readline()
    finally:
        following.terminate()
        following.wait()


def test_starts_are_measured_by_phase(lab):
    lab.deploy("loop", "rogue", "--place", "pop", "--warm-min", "1")
    cold = lab.ctl("function", "describe", "loop")["versions"][0]["cold_start"]
    assert cold["starts"] >= 1 and cold["phases"]["total"]["p50_us"] > 0, cold
    assert cold["phases"]["exec"]["p99_us"] <= cold["phases"]["total"]["p99_us"], cold
    equal(lab.ctl("function", "describe", "loop")["versions"][0]["state"], "ready")


def test_a_deleted_functions_log_goes(lab):
    logs = lab.plan.node_dir("pop") / "logs"
    assert list(logs.glob("pair.*.log"))
    lab.ctl("function", "delete", "pair")
    eventually(lambda: not list(logs.glob("pair.*.log")), "its log is gone")
    equal(lab.ctl("logs", "pair", check=False).returncode, 1)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "g", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
