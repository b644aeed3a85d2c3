"""Admission rules through the whole path: requests/s of wrk over a veth with 4 KiB of body, with 500 rules and with none, in turns on one server."""
import json
import statistics
import subprocess

import http_veth
import peers
from programs import BenchError

ROUNDS = 3
ITEM = '{"id": 4711, "name": "a thing of many", "tags": ["red", "green"], "price": 12.5, "note": "select what you like, from where it is"}'
BODY = "[" + ", ".join([ITEM] * (4094 // (len(ITEM) + 2))) + "]"
BODY += " " * (4096 - len(BODY))
HEADERS = [("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"),
           ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), ("Accept-Language", "en-GB,en;q=0.5"),
           ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"), ("X-Request-Id", "0123456789abcdef")]
WORDS = ("union", "select", "insert", "update", "delete", "drop", "exec", "sleep", "benchmark", "script", "iframe", "onload", "alert", "eval",
         "passwd", "shadow", "wget", "curl", "base64", "system")
FORMS = (r"(?i){a}\s+{b}", r"(?i)\b{a}\s*\(", r"<{a}[^>]{{0,40}}{b}", r"{a}[0-9]{{2,6}}={b}", r"(?i);\s*{a}\s+[a-z]+\s+{b}")


def rules():
    """As rule sets in front of web applications are: two words of an attack, and what stands between them. None is met here."""
    made = []
    for n in range(500):
        a, b = WORDS[n % 20], WORDS[(n // 20 * 7 + n + 1) % 20]
        rule = {"name": f"r{n}", "pattern": FORMS[n % 5].format(a=a, b=b) + (f"|{a}-{n}" if n >= 100 else ""), "action": "deny"}
        if n % 2 == 0:
            rule["in"] = "body"
        elif n % 4 == 1:
            rule |= {"in": "header", "header": ("User-Agent", "Cookie", "Accept-Language", "X-Request-Id")[n // 4 % 4]}
        else:
            rule["in"] = "header"
        made.append(rule)
    return made


def load(bench, server, those):
    file = server.folder / "rules.json"
    file.write_text(json.dumps({"version": 1, "rules": those}))
    done = subprocess.run([bench.build / "tools/skerryctl/skerryctl", "--admin", server.folder / "admin.sock", "rule", "load", file],
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"rule load: {done.stderr.strip()}")


def rows(bench, row):
    screened, plain = [], []
    with http_veth.Wires() as wires, http_veth.Skerryd(bench.build, wires) as ours:
        url = ours.deploy("echo-16", *http_veth.FUNCTIONS["echo-16"])
        for _ in range(ROUNDS):
            for into, those in ((screened, rules()), (plain, [])):
                load(bench, ours, those)
                into.append(peers.wrk(url, 64, bench.seconds, wires.namespace("client"), body=BODY, headers=HEADERS)["per_s"])
    return [row("api/rules-500/body-4096-64", statistics.median(screened), "requests/s",
                {"name": "the same requests, without rules", "value": statistics.median(plain)}, "ratio ≥ 0.80", lambda _, ratio: ratio >= 0.8)]
