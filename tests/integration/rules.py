"""Admission rules, from skerryctl to curl: what is refused, what is counted, and what stays when the server starts again."""
import json
import sys

import rig
import tap
from http_clients import INVOKE, curl, invoke
from routes import ENDLESS
from tap import equal, eventually

# Sends its arguments behind the first two one by one, with a pause between: each is a segment of its own. Says the status.
IN_SEGMENTS = """
import socket, sys, time
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in sys.argv[3:]:
        s.sendall(part.encode())
        time.sleep(0.05)
    print(s.recv(4096).decode().split()[1])
"""


def in_segments(lab, *parts):
    return int(lab.run("python3", "-c", IN_SEGMENTS, lab.plan.address("pop"), "8080", *parts).stdout)


def counts(lab, name):
    rule = next(each for each in lab.ctl("rule", "list")["rules"] if each["name"] == name)
    return rule["matched"], rule["refused"]


def test_what_a_rule_denies_gets_no_further(lab):
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
    equal(invoke(lab, "echo", b"a word").status, 200)
    lab.ctl("rule", "add", "no-php", r"\.php$")
    lab.ctl("rule", "add", "scanner", "(?i)sqlmap", "--in", "header", "--header", "User-Agent")
    lab.ctl("rule", "add", "sql", r"union\s+select", "--in", "body", "--status", "404")
    lab.ctl("rule", "add", "words", "word", "--in", "body", "--action", "count")
    before = lab.reasons().get("served_local", 0)
    answer = curl(lab, "/x/%2e/y.ph%70", "--path-as-is")
    equal((answer.status, answer.field("x-amzn-ErrorType")), (403, "AccessDeniedException"), answer.body)
    equal(invoke(lab, "echo", b"{}", "-H", "User-Agent: SqlMap/1.7").status, 403)
    equal(invoke(lab, "echo", b"a=1 union   select 2").status, 404)
    equal(lab.reasons().get("served_local", 0), before)
    equal(lab.reasons()["http_rule_denied"], 3)
    answer = invoke(lab, "echo", b"another word")
    equal((answer.status, answer.body), (200, b"another word"))
    equal([counts(lab, name) for name in ("no-php", "scanner", "sql", "words")], [(1, 1), (1, 1), (1, 1), (1, 0)])


def test_a_body_in_segments_and_chunks(lab):
    head = f"POST {INVOKE.format('echo')} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n"
    equal(in_segments(lab, head, "a=1&b=un", "ion ", "select"), 404)
    equal(in_segments(lab, head, "a=1&b=un", "ion sel", "fishy"), 200)
    chunked = invoke(lab, "echo", b"x" * 3000 + b"union select", "-H", "Transfer-Encoding: chunked")
    equal(chunked.status, 404)
    late = invoke(lab, "echo", b"x" * 4096 + b"union select")
    equal(late.status, 200, "only the first 4096 bytes are looked at")


def test_a_rate(lab):
    lab.ctl("rule", "add", "slow", "invocations$", "--action", "rate", "--per-second", "1", "--burst", "2", "--key",
            "header:X-Team")
    statuses = [invoke(lab, "echo", b"x", "-H", f"X-Team: {team}").status for team in ("a", "a", "a", "b")]
    equal((statuses[:2], statuses[3]), ([200, 200], 200))
    # A slow machine's third request comes late enough to be served.
    equal([invoke(lab, "echo", b"x", "-H", "X-Team: a").status for _ in range(8)].count(429) > 0, True, statuses)
    lab.ctl("rule", "delete", "slow")
    equal(invoke(lab, "echo", b"x", "-H", "X-Team: a").status, 200)


def test_what_is_refused_is_said(lab):
    for words, said in ((("bad", "(x"), "Missing close parenthesis"), (("no-php", "x"), "two are called that"),
                        (("odd", "x", "--status", "418"), "one of 400, 403"),
                        (("large", "(a{1,30000}b{1,30000}){100}"), "rule large: pattern"),
                        (("endless", f"^(?:{ENDLESS})\\z", "--in", "body"), "rule endless: pattern: compiling it takes more than 2000 ms")):
        done = lab.ctl("rule", "add", *words, check=False)
        assert done.returncode == 1 and said in done.stderr, done.stdout + done.stderr


def test_a_test_says_which_rules_it_meets(lab):
    told = lab.ctl("rule", "test", "http://a/b.php?q=1", "--header", "User-Agent: curl")
    equal((told["verdict"], [each["name"] for each in told["matched"]]), ("403 by no-php", ["no-php"]))
    told = lab.ctl("rule", "test", "/b", "--body", "a word, union select")
    equal((told["verdict"], [each["name"] for each in told["matched"]]), ("404 by sql", ["sql", "words"]))
    equal(lab.ctl("rule", "test", "/b")["verdict"], "passes")


def test_metrics_have_them(lab):
    text = lab.run("curl", "-sS", "--unix-socket", lab.plan.admin_socket("pop"), "http://localhost/metrics").stdout
    assert 'skerry_rule_matched_total{rule="no-php"} 1' in text, text[:2000]
    assert 'skerry_rule_refused_total{rule="words"} 0' in text


def test_all_of_a_file_at_once(lab):
    kept = lab.ctl("rule", "list")
    file = lab.new_folder() / "rules.json"
    file.write_text(json.dumps(kept | {"rules": kept["rules"][:2]}))
    equal(len(lab.ctl("rule", "load", file)["rules"]), 2)
    equal(invoke(lab, "echo", b"union select").status, 200)
    equal(counts(lab, "no-php"), (1, 1), "what stays goes on counting")


def test_rules_outlive_the_server(lab):
    lab.lab("kill", "pop")
    lab.lab("start", "pop")
    eventually(lambda: lab.ctl("rule", "list", check=False).returncode == 0, "the server is back")
    eventually(lambda: curl(lab, "/readyz").status == 200, "it serves")
    equal(curl(lab, "/y.php").status, 403)


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "u", regions=1) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
