"""The programs that measure, ours and dpdk-testpmd."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time


class BenchError(Exception):
    """What went wrong, and what to do about it."""


PIN = ["taskset", "-c", str(min(1, (os.cpu_count() or 1) - 1))]  # where testpmd forwards, too
# What net_pcap gives its first port: the address that the captured requests go to.
SERVER_MAC = "02:70:63:61:70:00"


def replayed(capture):
    return f"net_pcap0,rx_pcap={capture},infinite_rx=1"


def memif(role, capture):
    """The end of a memif whose socket lies beside the capture."""
    return f"net_memif0,role={role},id=0,mac={SERVER_MAC},socket={capture}.sock,socket-abstract=no"


def testpmd(lcores, devices, mode, topology):
    return ["dpdk-testpmd", "--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--no-telemetry", f"--lcores={lcores}",
            f"--file-prefix=skerry-bench-{os.getpid()}-{len(devices)}", *(f"--vdev={device}" for device in devices), "--",
            f"--forward-mode={mode}", f"--port-topology={topology}", "--stats-period=1", "--total-num-mbufs=16383",
            "--no-flush-rx"]


@contextlib.contextmanager
def generator(capture):
    """Another process that sends the captured packets into the memif for ever, and takes what comes back."""
    for _ in range(200):
        if os.path.exists(f"{capture}.sock"):
            break
        time.sleep(0.05)
    process = subprocess.Popen(testpmd("0@0,1@0", [replayed(capture), memif("client", capture)], "io", "paired"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
        if os.path.exists(f"{capture}.sock"):
            os.unlink(f"{capture}.sock")


class Programs:
    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds

    def run(self, name, *arguments):
        words = [str(self.build / "tools/bench.d" / name), "--seconds", str(self.seconds), *map(str, arguments)]
        done = subprocess.run(words, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
        return json.loads(done.stdout)

    def path(self, kind, capture):
        return self.run("skerry-bench-path", "--kind", kind, "--capture", capture)

    def path_over_memif(self, kind, capture):
        """The same packets, from another process over shared memory."""
        words = [*PIN, str(self.build / "tools/bench.d/skerry-bench-path"), "--seconds", str(self.seconds), "--kind", kind,
                 "--devargs", memif("server", capture)]
        ours = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with generator(capture):
            output, error = ours.communicate(timeout=60 + self.seconds)
        if ours.returncode != 0:
            raise BenchError(f"{' '.join(words)}: {error.strip() or ours.returncode}")
        return json.loads(output)

    def start(self, *arguments):
        return self.run("skerry-bench-start", "--function", str(self.build / "tools/functions/echo/bootstrap"), *arguments)

    def warm_functions(self):
        """(name, how skerry-bench-warm starts it), in a jail and without one."""
        root = pathlib.Path(__file__).resolve().parents[2]
        functions = self.build / "tools/functions"
        native = [functions / "echo/bootstrap", "--kind", "native"]
        yield "native/sleeping", native
        yield "native/spinning", [*native, "--spin-us", "50"]
        images = ["--runtimes", self.build / "runtimes"]
        yield "provided", [functions / "word-count/bootstrap", "--kind", "provided", *images]
        yield "python3", [root / "tools/functions/greet-python/app.py", "--kind", "python3", "--handler", "app.greet", *images,
                          "--payload", '{"name": "Ada"}', "/usr/bin/python3", root / "sandbox/runtime/python3/bootstrap.py"]

    def warm(self, file, *arguments):
        """`file` is all of the artifact, and what starts it without a jail unless that is said."""
        with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
            artifact = pathlib.Path(folder) / "artifact"
            artifact.mkdir()
            for each in (artifact.parent, artifact):
                each.chmod(0o755)
            copy = pathlib.Path(shutil.copy(file, artifact))
            unjailed = [] if file.suffix == ".py" else [copy]
            return self.run("skerry-bench-warm", "--artifact", artifact, *arguments, *unjailed)

    def dispatch(self, *arguments):
        return self.run("skerry-bench-dispatch", *arguments)

    def objects(self):
        """Google Benchmark's own JSON: the median nanoseconds of each object, by name."""
        words = [str(self.build / "tools/bench.d/skerry-bench-objects"), "--benchmark_format=json",
                 "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true",
                 f"--benchmark_min_time={self.seconds / 10}"]
        done = subprocess.run(words, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{words[0]}: {done.stderr.strip()}")
        return {each["run_name"].replace("/real_time", ""): each["real_time"] for each in json.loads(done.stdout)["benchmarks"]
                if each["aggregate_name"] == "median"}

    def testpmd(self, capture):
        """Packets a second of testpmd's 5tswap on the same capture, repeated for ever: the best second."""
        return self.best_second(testpmd("0@0,1@1", [replayed(capture)], "5tswap", "loop"))

    def testpmd_over_memif(self, capture):
        words = testpmd("0@0,1@1", [memif("server", capture)], "5tswap", "loop")
        return self.best_second(words, lambda: generator(capture))

    def best_second(self, words, beside=contextlib.nullcontext):
        process = subprocess.Popen(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        with beside():
            time.sleep(2.2 + self.seconds)
            process.terminate()
            output, _ = process.communicate(timeout=20)
        rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", output)]
        if not rates or max(rates) == 0:
            raise BenchError("dpdk-testpmd gave no rate; its last words: " + output[-300:])
        return max(rates)
