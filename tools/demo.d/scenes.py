"""What the demo shows, scene by scene. Each returns its part of the result, and raises Broken when what it
shows does not hold."""
import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time

from client import COLD, OK, Client


class Broken(Exception):
    """The demo did not show what it should."""


class Stage:
    """The lab, the tools, and where the narration goes."""

    def __init__(self, root, plan, say):
        self.root = root
        self.plan = plan
        self.say = say
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-demo-")
        self.functions = plan.build / "tools/functions"
        self.skerryctl = plan.build / "tools/skerryctl/skerryctl"

    def client(self):
        return Client(self.plan.namespace("client"), (self.plan.address("pop"), 4600))

    def ctl(self, *words):
        done = subprocess.run([self.skerryctl, "--json", "--admin", self.plan.admin_socket("pop"), *map(str, words)],
                              text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise Broken(f"skerryctl {' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def run(self, *words):
        """Where clients are."""
        return subprocess.run(["ip", "netns", "exec", self.plan.namespace("client"), *map(str, words)], text=True,
                              capture_output=True, check=False)

    def artifact(self, function, release=None):
        """A folder with the function's bootstrap; another release is another version."""
        folder = pathlib.Path(self.folder.name) / f"{function}-{release or 1}"
        folder.mkdir(exist_ok=True)
        target = folder / "bootstrap"
        target.write_bytes((self.functions / function / "bootstrap").read_bytes())
        target.chmod(0o755)
        (folder / "version.txt").write_text(f"{release or 1}\n")
        return folder

    def deploy(self, name, function, *options, release=None):
        return self.ctl("function", "deploy", name, "--artifact", self.artifact(function, release), *options)


def need(condition, what):
    if not condition:
        raise Broken(what)


def places(requests):
    return collections.Counter(request.place for request in requests)


def all_ok(requests, what):
    bad = collections.Counter(request.status for request in requests if request.status != OK)
    need(not bad, f"{what}: {sum(bad.values())} of {len(requests)} failed, by status: {dict(bad)}")


def measure(stage, function, payload, rate, seconds):
    """skerry-load from the client's namespace: latencies are counted from when a request was due."""
    path = pathlib.Path(stage.folder.name) / f"{function}.payload"
    path.write_bytes(payload)
    words = ["ip", "netns", "exec", stage.plan.namespace("client"), stage.plan.build / "tools/load/skerry-load", "--pop",
             stage.plan.address("pop"), "--function", function, "--rate", rate, "--duration", seconds, "--payload",
             f"@{path}", "--retransmit", 500, "--json", "--quiet"]
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True, check=False)
    need(done.returncode == 0, f"skerry-load: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    need(report["answered"] == report["sent"] and set(report["status"]) == {"ok"},
         f"{function}: {report['sent']} sent, {report['answered']} answered: {report['status']}")
    return report


def figures(report, place):
    latency = report["latency_us"]["by_place"][place] if place else report["latency_us"]["executed"]
    return {"requests": latency["count"], "p50_us": round(latency["p50"]), "p99_us": round(latency["p99"]),
            "p999_us": round(latency["p99_9"])}


@contextlib.contextmanager
def later(seconds, action):
    """Does it so much later, while the block runs; not any more when the block was interrupted."""
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()  # nothing, once it has begun
        timer.join()


def documents():
    """Real texts: the licence notices of the packages that are installed here, e-mail addresses and all."""
    texts = []
    for path in sorted(pathlib.Path("/usr/share/doc").glob("*/copyright"))[:200]:
        text = path.read_bytes()[:1100]
        if b"@" in text:
            texts.append(text)
    return texts[:40] or [b"Write to jane.doe@example.org or call +44 20 7946 0958."]


def local(stage):
    stage.say("A popular function (JWT verification, RS256) is served at the POP.")
    stage.deploy("jwt", "jwt-verify", "--warm-min", 4)
    token = (stage.root / "tools/functions/jwt-verify/sample.jwt").read_bytes().strip()
    client = stage.client()
    first = client.invoke("jwt", token)
    need(first.status == OK, f"jwt: status {first.status}: {first.payload[:200]!r}")
    stage.say(f"  claims: {first.payload.decode()[:72]}")
    client.close()
    report = measure(stage, "jwt", token, 500, 5)
    # On a machine that is busy with other things a few may find all workers taken, and are forwarded.
    need(report["place"].get("pop", 0) >= 0.9 * report["sent"], f"served elsewhere: {report['place']}")
    result = figures(report, "pop")
    stage.say(f"  {result['requests']} of {report['sent']} requests at the POP: p50 {result['p50_us']} µs, "
              f"p99 {result['p99_us']} µs, p99.9 {result['p999_us']} µs")
    return result


def affinity(stage):
    stage.say("A rare function (redaction of personal data) goes to a region, and its next requests to the same one.")
    stage.deploy("redact", "redact")
    client = stage.client()
    texts = documents()
    requests = []
    for i in range(12):
        requests.append(client.invoke("redact", texts[i % len(texts)]))
        time.sleep(0.45)
    client.close()
    all_ok(requests, "affinity")
    first = requests[0]
    need(first.place != "pop", "the first request of a rare function was executed at the POP")
    same = sum(request.place == first.place for request in requests) / len(requests)
    cold = sum(bool(request.flags & COLD) for request in requests)
    need(same == 1.0, f"the warm region was left: {dict(places(requests))}")
    stage.say(f"  {len(requests)} real documents, all to {first.place}; {cold} cold start(s); "
              f"e.g. {redacted_example(requests)}")
    return {"requests": len(requests), "same_region_share": same, "cold_starts": cold}


def redacted_example(requests):
    for request in requests:
        found = re.search(rb"[^\n]*\[EMAIL\][^\n]*", request.payload)
        if found:
            return found.group(0).decode("utf-8", "replace").strip()[:60]
    return "nothing to redact"


def forwarded(stage):
    stage.say("What a forwarded request costs: the same, bound to regions.")
    stage.deploy("redact-far", "redact", "--place", "region", "--warm-min", 2)
    client = stage.client()
    client.invoke("redact-far", b"warm up")
    client.close()
    report = measure(stage, "redact-far", documents()[0], 200, 5)
    need("pop" not in report["place"], "a function bound to regions was executed at the POP")
    result = figures(report, None)
    stage.say(f"  {report['sent']} requests, {report['place']}: p50 {result['p50_us']} µs, p99 {result['p99_us']} µs, "
              f"p99.9 {result['p999_us']} µs")
    return result


def spill(stage):
    stage.say("Overflow: one worker at the POP, 5 ms of work each, asked 400 times a second.")
    stage.deploy("busy", "work", "--warm-min", 1, "--warm-max", 1)
    client = stage.client()
    client.invoke("busy", b"us=1000 mode=sleep")
    requests = client.load("busy", [b"us=5000 mode=sleep"], rate=400, seconds=4)
    client.close()
    all_ok(requests, "spill")
    where = places(requests)
    need(where["pop"] > 0 and len(where) > 1, f"nothing spilled: {dict(where)}")
    stage.say(f"  {len(requests)} requests: {dict(where)}, none failed")
    return {"requests": len(requests), "forwarded": len(requests) - where["pop"],
            "failed": sum(request.status != OK for request in requests)}


def rollout(stage):
    stage.say("A new version of an A/B rewriter is deployed while requests flow.")
    old = stage.deploy("ab", "ab-rewrite", "--warm-min", 1, "--warm-max", 1)
    payloads = [json.dumps({"user": f"user-{i}", "experiment": "checkout", "variants": ["control", "one-click"],
                            "request": {"path": "/checkout", "headers": {}}}).encode() for i in range(64)]
    client = stage.client()
    first = client.invoke("ab", payloads[0])
    need(first.status == OK, f"ab: status {first.status}: {first.payload[:200]!r}")
    stage.say(f"  {first.payload.decode()[:96]}")
    outcome = {}
    with later(1.5, lambda: outcome.update(stage.deploy("ab", "ab-rewrite", "--warm-min", 1, "--warm-max", 1,
                                                        release=2))):
        requests = client.load("ab", payloads, rate=300, seconds=4)
    client.close()
    need("version" in outcome, "the new version was not deployed")
    new = int(outcome["version"][:16], 16)
    switched = outcome["switched_at_unix_us"]
    failed = sum(request.status != OK for request in requests)
    after = [request for request in requests if request.sent_unix_us > switched]
    stale = sum(request.version != new for request in after)
    before = len(requests) - len(after)
    need(failed == 0 and stale == 0, f"{failed} failed, {stale} of {len(after)} were served by the old version")
    need(before > 0 and len(after) > 0, f"the switch was not under load: {before} before, {len(after)} after")
    stage.say(f"  {old['version'][:12]} → {outcome['version'][:12]}: {before} before the switch, {len(after)} after; "
              "none failed, none stale")
    return {"requests": len(requests), "failed": failed, "stale": stale, "after_switch": len(after)}


def executions(stage, name):
    """How often each request was executed, as the function itself logged it, in every server."""
    time.sleep(0.3)  # what was written before an answer is collected soon after it
    counts = collections.Counter()
    for node in stage.plan.servers:
        for log in (stage.plan.node_dir(node) / "logs").glob(f"{name}.*.log"):
            counts.update(re.findall(r" out executed ([0-9a-f-]+)$", log.read_text(errors="replace"), re.M))
    return counts


def failover(stage, kill):
    stage.say("A region is killed (SIGKILL) under load; the function forbids guessing: nothing may run twice.")
    stage.deploy("orders", "work", "--place", "region", "--warm-min", 2, "--warm-max", 4)
    client = stage.client()
    warm = client.invoke("orders", b"us=1000 mode=sleep")
    need(warm.status == OK, f"orders: status {warm.status}")
    with later(1.5, lambda: kill(warm.place)):
        requests = client.load("orders", [b"us=5000 mode=sleep"], rate=150, seconds=5)
    client.close()
    answered = [request for request in requests if request.answered]
    times = sorted(request.answered for request in answered)
    gap_ms = max((b - a for a, b in zip(times, times[1:])), default=0) * 1000
    counts = executions(stage, "orders")
    twice = sum(count > 1 for count in counts.values())
    statuses = collections.Counter(request.status for request in answered)
    need(len(answered) == len(requests), f"{len(requests) - len(answered)} requests were never answered")
    need(twice == 0, f"{twice} requests were executed twice")
    where = places(requests)
    stage.say(f"  {warm.place} was killed: {len(requests)} requests, all answered ({statuses[OK]} executed, "
              f"{len(requests) - statuses[OK]} told that their outcome is not known), {dict(where)}; "
              f"longest gap {gap_ms:.0f} ms; none executed twice")
    return {"requests": len(requests), "answered": len(answered), "ok": statuses[OK],
            "other_statuses": {str(status): count for status, count in statuses.items() if status != OK},
            "executed_twice": twice, "max_gap_ms": round(gap_ms, 1)}


LANGUAGES = {  # name → options of its deploy, files
    "bash": ("--runtime", "provided"),
    "python": ("--runtime", "python3", "--handler", "app.greet"),
    "nodejs": ("--runtime", "nodejs", "--handler", "app.greet"),
}


def greet(client, name):
    request = client.invoke(name, b'{"name": "Ada"}', deadline_ms=10000)
    need(request.status == OK, f"{name}: status {request.status}, {request.payload[:200]!r}")
    need(json.loads(request.payload)["greeting"] == "Hello, Ada!", f"{name}: {request.payload[:200]!r}")
    return request


def middle(values):
    return sorted(values)[len(values) // 2]


def languages(stage):
    """A function in bash, in Python and in Node.js: how long a new worker takes, and one that is there."""
    stage.say("Functions in bash, Python and Node.js: with a new worker for each request, and with one that is there.")
    result = {}
    client = stage.client()
    for language, options in LANGUAGES.items():
        folder = stage.root / "tools/functions" / f"greet-{language}"
        common = ("--artifact", folder, "--place", "pop", "--timeout-ms", 5000, *options)
        stage.ctl("function", "deploy", f"{language}-warm", "--warm-min", 1, *common)
        stage.ctl("function", "deploy", f"{language}-cold", "--single-use", *common)
        greet(client, f"{language}-cold")  # the first may find the worker that the deploy was tried with
        cold = []
        for _ in range(9):
            time.sleep(0.35)  # a function that is asked for often has a worker waiting: this one is not
            request = greet(client, f"{language}-cold")
            if request.flags & COLD:
                cold.append(request.latency_us / 1000)
        need(len(cold) >= 5, f"{language}: {len(cold)} of 9 requests found no worker waiting")
        warm = [greet(client, f"{language}-warm").latency_us for _ in range(50)]
        result[f"{language}_cold_ms"] = round(middle(cold), 1)
        result[f"{language}_warm_us"] = round(middle(warm))
        stage.say(f"  {language}: {len(cold)} new workers, p50 {middle(cold):.1f} ms to the answer; "
                  f"one that is there answers in {middle(warm) / 1000:.2f} ms")
    client.close()
    return result


def curl(stage, path, *options):
    """What curl says at each of the lines that --write-out made."""
    done = stage.run("curl", "-sS", "--max-time", "30", *options, stage.plan.pop_url() + path)
    need(done.returncode == 0, f"curl {path}: {done.stderr.strip()}")
    return done.stdout


def http(stage):
    """The same functions for anybody: curl, over the kernel's TCP, to the POP's own."""
    stage.say("HTTP/1.1 over the POP's own TCP: curl invokes a Python function, sends 6 MiB both ways, and reaches a region.")
    url = "/2015-03-31/functions/{}/invocations"
    line = curl(stage, url.format("python-warm"), "-d", '{"name": "curl"}')
    need("curl" in line, f"a greeting: {line[:200]}")
    stage.say(f"  curl -d '{{\"name\": \"curl\"}}' …/functions/python-warm/invocations   {line.strip()[:60]}")
    limits = ("--max-payload-bytes", 6 << 20, "--timeout-ms", 10000, "--warm-min", 1)
    stage.ctl("function", "deploy", "mirror", "--artifact", stage.artifact("echo"), "--place", "pop", *limits)
    stage.ctl("function", "deploy", "far-mirror", "--artifact", stage.artifact("echo"), "--place", "region", "--timeout-ms", 5000)
    stage.ctl("route", "add", "/hello/:name", "mirror", "--auth", "NONE")
    event = json.loads(curl(stage, "/hello/route"))
    need(event["pathParameters"] == {"name": "route"}, f"an event of its route: {event}")
    stage.say(f"  a route: skerryctl route add /hello/:name mirror; curl …/hello/route: the function gets {event['pathParameters']}")
    times = curl(stage, url.format("mirror") + "?[1-200]", "-d", "hello", "-o", "/dev/null", "-w", "%{http_code} %{time_total}\\n")
    codes, seconds = zip(*(each.split() for each in times.splitlines()))
    need(set(codes) == {"200"}, f"200 requests on one connection: {sorted(set(codes))}")
    with tempfile.TemporaryDirectory(prefix="skerry-demo-") as folder:
        body = pathlib.Path(folder) / "body"
        body.write_bytes(os.urandom((6 << 20) - 64))
        back = pathlib.Path(folder) / "back"
        curl(stage, url.format("mirror"), "--data-binary", f"@{body}", "-o", back)
        need(back.read_bytes() == body.read_bytes(), "6 MiB come back as they went")
        size = body.stat().st_size
    decisions = [curl(stage, url.format("far-mirror"), "-d", "x", "-o", "/dev/null", "-w", "%header{x-skerry-decision}") for _ in range(5)]
    p50 = middle([float(each) * 1e6 for each in seconds])
    stage.say(f"  200 requests on one connection, p50 {p50:.0f} µs; {size} bytes there and back; elsewhere: {decisions[-1]}")
    return {"requests": len(seconds), "p50_us": round(p50), "body_bytes": size, "regions": sorted(set(decisions))}
