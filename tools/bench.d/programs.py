"""The programs that measure, ours and dpdk-testpmd."""
import json
import re
import subprocess
import time


class BenchError(Exception):
    """What went wrong, and what to do about it."""


class Programs:
    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds

    def run(self, name, *arguments):
        words = [str(self.build / "tools/bench.d" / name), "--seconds", str(self.seconds), *arguments]
        done = subprocess.run(words, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
        return json.loads(done.stdout)

    def path(self, kind, capture):
        return self.run("skerry-bench-path", "--kind", kind, "--capture", capture)

    def dispatch(self, *arguments):
        return self.run("skerry-bench-dispatch", *arguments)

    def testpmd(self, capture):
        """Packets a second of testpmd's 5tswap on the same capture, repeated for ever: the best second."""
        words = ["dpdk-testpmd", "--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--no-telemetry", "-l", "0,1",
                 f"--vdev=net_pcap0,rx_pcap={capture},infinite_rx=1", "--", "--forward-mode=5tswap",
                 "--port-topology=loop", "--stats-period=1", "--total-num-mbufs=16383", "--no-flush-rx"]
        process = subprocess.Popen(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        time.sleep(2.2 + self.seconds)
        process.terminate()
        output, _ = process.communicate(timeout=20)
        rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", output)]
        if not rates or max(rates) == 0:
            raise BenchError("dpdk-testpmd gave no rate; its last words: " + output[-300:])
        return max(rates)
