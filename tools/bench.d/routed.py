"""Routes through the whole path: requests/s of wrk over a veth, with 5,000 routes and with 10, in turns on one server."""
import json
import statistics
import subprocess

import http_veth
import peers
from programs import BenchError

ROUNDS = 3
PATH = "/shop/7/items"


def load(bench, server, literals, patterns):
    """These routes and no others; the one that is asked for is among both sets."""
    paths = [f"/shop/{n}/items" for n in range(literals)] + [f"~/x{n}-[0-9]+" for n in range(patterns)]
    file = server.folder / "routes.json"
    file.write_text(json.dumps({"version": 1, "routes": [{"path": each, "function": "echo-16", "auth": "NONE"} for each in paths]}))
    done = subprocess.run([bench.build / "tools/skerryctl/skerryctl", "--admin", server.folder / "admin.sock", "route", "load", file],
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"route load: {done.stderr.strip()}")


def rows(bench, row):
    """The ratio is of times: how much longer a request takes with 5,000 routes."""
    many, few = [], []
    with http_veth.Wires() as wires, http_veth.Skerryd(bench.build, wires) as ours:
        ours.deploy("echo-16", *http_veth.FUNCTIONS["echo-16"])
        for _ in range(ROUNDS):
            for into, literals, patterns in ((many, 4900, 100), (few, 8, 2)):
                load(bench, ours, literals, patterns)
                into.append(1e9 / peers.wrk(ours.url + PATH, 64, bench.seconds, wires.namespace("client"))["per_s"])
    return [row("api/routes-5000/whole-path-64", statistics.median(many), "ns", {"name": "10 routes", "value": statistics.median(few)},
                "ratio ≤ 1.5", lambda _, ratio: ratio <= 1.5)]
