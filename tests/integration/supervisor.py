"""What systemd does for skerryd, as far as the shipped unit asks for it: start, wait for READY, start again. Nothing
else: what systemd would kill or remove besides, Skerry has to leave clean by itself."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import rig

UNIT = rig.ROOT / "packaging/systemd/skerryd@.service.in"
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "": 1.0}


def read_unit(path=UNIT):
    """Its settings, by name; the last of a name counts."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.M))


def seconds(text):
    """A time span of systemd: "250ms", "1min 30s", "30"."""
    parts = re.findall(r"(\d+)\s*([a-z]*)", text)
    return sum(int(number) * UNITS[unit] for number, unit in parts)


class Supervisor:
    """One service. Times are monotonic; `runs` has one entry for each start: pid, started, ready, ended, code."""

    def __init__(self, words, folder, unit=None):
        self.unit = unit or read_unit()
        assert self.unit["Restart"] == "on-failure" and self.unit["KillMode"] == "mixed", self.unit
        assert self.unit["StartLimitIntervalSec"] == "0", "a limit of starts is not played here"
        self.restart_s = seconds(self.unit["RestartSec"])
        self.prevent = {int(code) for code in self.unit["RestartPreventExitStatus"].split()}
        self.words, self.folder = [str(word) for word in words], pathlib.Path(folder)
        self.runs, self.process, self.wanted = [], None, True
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "notify"))
        self.socket.settimeout(0.02)
        self.thread = threading.Thread(target=self._supervise, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGTERM)
        self.thread.join()
        self.socket.close()

    @property
    def pid(self):
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def run(self):
        return self.runs[-1]

    def stop(self, how=signal.SIGTERM):
        """`systemctl stop`: to the main process alone, and SIGKILL when it takes too long. Returns the exit code."""
        self.wanted = False
        process = self.process
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        limit = time.monotonic() + seconds(self.unit["TimeoutStopSec"])
        while process.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        late = process.poll() is None
        if late:
            process.kill()
        process.wait()
        return -signal.SIGKILL if late else process.returncode

    def restart(self):
        """`systemctl start` after a stop."""
        self.thread.join()
        self.wanted = True
        self.thread = threading.Thread(target=self._supervise, daemon=True)
        self.thread.start()

    def wait_ready(self, patience_s, runs=1):
        """Until a run, of `runs` or more, serves; returns it."""
        with self.changed:
            good = self.changed.wait_for(lambda: len(self.runs) >= runs and self.run["ready"], patience_s)
        assert good, f"skerryd was not ready within {patience_s} s: {self.runs[-3:]}\n{self.log_tail()}"
        return self.run

    def wait_end(self, run, patience_s):
        with self.changed:
            assert self.changed.wait_for(lambda: run["ended"], patience_s), f"did not end within {patience_s} s: {run}"

    def log_tail(self, lines=15):
        return "\n".join((self.folder / "skerryd.log").read_text(errors="replace").splitlines()[-lines:])

    def _supervise(self):
        while self.wanted:
            self._run_once()
            code = self.run["code"]
            # on-failure: neither a clean exit nor an end by one of the polite signals.
            clean = code == 0 or -code in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
            if clean or code in self.prevent:
                return
            limit = time.monotonic() + self.restart_s
            while self.wanted and time.monotonic() < limit:
                time.sleep(0.005)

    def _run_once(self):
        runtime = self.folder / "run"  # RuntimeDirectory=: a new one for each start
        subprocess.run(["rm", "-rf", runtime], check=True)
        runtime.mkdir(mode=0o700)
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.folder / "notify"), RUNTIME_DIRECTORY=str(runtime),
                           WATCHDOG_USEC=str(int(seconds(self.unit["WatchdogSec"]) * 1e6)))
        with open(self.folder / "skerryd.log", "ab") as log:
            process = subprocess.Popen(self.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
                                       start_new_session=True)
        run = {"pid": process.pid, "started": time.monotonic(), "ready": 0.0, "alive": 0, "ended": 0.0, "code": None}
        with self.changed:
            self.process = process
            self.runs.append(run)
            self.changed.notify_all()
        while process.poll() is None:
            self._listen(run)
        with self.changed:
            run["ended"], run["code"] = time.monotonic(), process.returncode
            self.changed.notify_all()

    def _listen(self, run):
        try:
            said = self.socket.recv(4096)
        except TimeoutError:
            return
        with self.changed:
            if said == b"READY=1":
                run["ready"] = time.monotonic()
            run["alive"] += said == b"WATCHDOG=1"
            self.changed.notify_all()
