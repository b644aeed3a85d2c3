"""Large bodies over ports that cut segments and put them together (TSO, LRO), and over the same ports without. skerryd and our
client are guests of one host, each on a net_virtio_user; the host is testpmd, which passes frames between two net_vhost. There are
three processes and two CPUs: the server has SERVER_CPU, the host shares CLIENT_CPU with the client, so bodies a second say more of those
than of the server, and what a body costs the server is counted in cycles of its core's stages."""
import contextlib
import json
import os
import statistics
import subprocess

import http_dpdk
import peers

ROUNDS = 3
BODY_BYTES = 60_000
CONNECTIONS = 16
MEMIF = "net_memif0,role=server,id=0,socket={folder}/memif,socket-abstract=no"


@contextlib.contextmanager
def host(words, log):
    """testpmd ends when its standard input does."""
    with open(log, "wb") as out, subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            finally:
                process.kill()


class Guest(http_dpdk.Pop):
    config = http_dpdk.CONFIG.replace(MEMIF, "net_virtio_user0,path={folder}/server,queue_size=1024")
    client_port = "net_virtio_user0,path={folder}/client,queue_size=1024"
    spins = ()  # its CPU is the host's, too

    def __init__(self, build, tso):
        super().__init__(build)
        self.tso = tso

    def before(self):
        ends = [f"--vdev=net_vhost{number},iface={self.folder}/{end},queues=1,tso={int(self.tso)},legacy-ol-flags=1"
                for number, end in enumerate(("server", "client"))]
        words = ["dpdk-testpmd", "--no-huge", "-m", "256", "--no-shconf", "--no-pci", "--no-telemetry",
                 f"--file-prefix=skerry-bench-{os.getpid()}", f"--lcores=0@{peers.CLIENT_CPU},1@{peers.CLIENT_CPU}", *ends, "--",
                 "--forward-mode=io", "--total-num-mbufs=16384", "--no-flush-rx"]
        self.stack.enter_context(host(words, self.folder / "host.log"))
        for end in ("server", "client"):
            peers.wait_until(lambda end=end: (self.folder / end).exists(), "the host")

    def deploy(self, *_):
        pass

    def core(self):
        done = subprocess.run([self.build / "tools/skerryctl/skerryctl", "--json", "--admin", self.folder / "admin.sock", "stats"],
                              text=True, capture_output=True, check=True)
        return json.loads(done.stdout)["cores"][0]

    def upload(self, seconds):
        """One run: bodies a second, cycles of the server's core and frames that it received for each."""
        body = self.folder / "body"
        body.write_bytes(bytes(BODY_BYTES))
        before = self.core()
        report = self.load("/healthz", seconds, "--method", "GET", "--body", f"@{body}", "--connections", CONNECTIONS)
        after = self.core()

        def work(core):
            return sum(stage["cycles"] for stage in core["stages"] if stage["name"] != "idle")
        # What was counted before and behind the run's own seconds is of bodies as well.
        bodies = after["reasons"]["http_answered"] - before["reasons"]["http_answered"]
        return {"per_s": report["answered_per_s"], "cycles": (work(after) - work(before)) / bodies,
                "frames": (after["rx_packets"] - before["rx_packets"]) / bodies,
                "merged": (after["rx_merged"] - before["rx_merged"]) / bodies}


def rows(bench, row):
    runs = {True: [], False: []}
    for _ in range(ROUNDS):
        for tso, found in runs.items():
            with Guest(bench.build, tso) as guest:
                found.append(guest.upload(bench.seconds))
    medians = {tso: {key: statistics.median(each[key] for each in found) for key in found[0]} for tso, found in runs.items()}
    on, off = medians[True], medians[False]
    name = f"http/virtio/body-{BODY_BYTES}"
    without = "the same host without TSO and LRO"
    return [row(f"{name}/cycles", on["cycles"], "cycles", {"name": without, "value": off["cycles"]}, "ratio < 1",
                lambda _, ratio: ratio < 1),
            row(name, on["per_s"], "bodies/s", {"name": without, "value": off["per_s"]}, None),
            row(f"{name}/frames", on["frames"], "frames", {"name": without, "value": off["frames"]}, None),
            row(f"{name}/merged", on["merged"], "frames", None, None)]
