"""Lambda's API: what a signature costs, alone (skerry-bench-signatures) and of throughput, signed and unsigned in turns over a veth."""
import datetime
import hashlib
import hmac
import pathlib
import statistics
import tempfile

import http_veth
import peers

ROUNDS = 3
KEY, SECRET = "AKIDBENCH0000000000A", "a/secret+of=forty:characters:0000000001"
LIMIT_NS = 2000


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def headers(url, body):
    """Of a POST as an SDK signs it; good for five minutes."""
    host, path = url.removeprefix("http://").split("/", 1)
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/us-east-1/lambda/aws4_request"
    names = "content-type;host;x-amz-date"
    text = "\n".join(["POST", f"/{path}", "", "content-type:application/json", f"host:{host}", f"x-amz-date:{time}", "", names,
                      hashlib.sha256(body.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = mac(key, part)
    proof = mac(key, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}").hex()
    return [("Host", host), ("X-Amz-Date", time),
            ("Authorization", f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={proof}")]


def throughput(bench, wires, keys):
    """One server, one run: requests/s of wrk, signed or not."""
    with http_veth.Skerryd(bench.build, wires, keys=keys) as ours:
        url = ours.deploy("echo-16", *http_veth.FUNCTIONS["echo-16"])
        signed = headers(url, peers.BODY) if keys else ()
        return peers.wrk(url, 64, bench.seconds, wires.namespace("client"), headers=signed)["per_s"]


def rows(bench, row):
    runs = [bench.run("skerry-bench-signatures") for _ in range(ROUNDS)]
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    made = [row(f"api/sigv4/{name}", found[name], "ns", None, f"≤ {LIMIT_NS} ns" if name.startswith("verify") and "4096" not in name else None,
                (lambda value, _: value <= LIMIT_NS) if name.startswith("verify") and "4096" not in name else None) for name in found]
    signed, unsigned = [], []
    with http_veth.Wires() as wires, tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        secret = pathlib.Path(folder) / "secret"
        secret.touch(0o600)
        secret.write_text(SECRET)
        keys = f'[[access_key]]\nid = "{KEY}"\nsecret_file = "{secret}"\nfunctions = ["*"]\n'
        for _ in range(ROUNDS):
            signed.append(throughput(bench, wires, keys))
            unsigned.append(throughput(bench, wires, ""))
    baseline = {"name": "the same requests, unsigned", "value": statistics.median(unsigned)}
    made.append(row("api/sigv4/per_s-64", statistics.median(signed), "requests/s", baseline, "ratio ≥ 0.85",
                    lambda _, ratio: ratio >= 0.85))
    return made
