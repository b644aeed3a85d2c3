"""A lab of this test run's own, and ordinary clients in it."""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/lab.d"), str(ROOT / "tools/demo.d")]
sys.dont_write_bytecode = True

from client import Client  # noqa: E402
from plan import Plan  # noqa: E402
from run import catch_signals  # noqa: E402

STATUSES = {int(code): name for name, code in
            re.findall(r"^STATUS\((\w+), (\d+),", (ROOT / "dataplane/wire/status.def").read_text(), re.M)}
CODES = {name: code for code, name in STATUSES.items()}


class Rig:
    """`letter` keeps the labs of tests that run at the same time apart."""

    def __init__(self, build, letter, regions=2, link="", settings=()):
        self.plan = Plan(f"{letter}{os.getpid() % 0xFFFFFF:x}", build, regions, [2.0, 6.0, 12.0],
                         6 if "family=6" in settings else 4)
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-integration-")
        self.options = ["--regions", str(regions), "--distances-ms", "2,6,12", "--link", link, "--quiet"]
        for setting in settings:
            self.options += ["--set", setting]

    def lab(self, verb, *words, check=True):
        # In a session of its own: who ends this test, and soon after all its group, does not end the clean-up.
        process = subprocess.Popen([sys.executable, ROOT / "tools/lab", verb, "--name", self.plan.name, "--build",
                                    self.plan.build, *words], text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, errors = process.communicate()
        except BaseException:
            process.terminate()
            process.communicate()
            raise
        assert process.returncode == 0 or not check, f"tools/lab {verb}: {errors.strip()}"
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def __enter__(self):
        catch_signals()
        try:
            self.lab("up", *self.options)
        except BaseException:
            self.lab("down")
            raise
        return self

    def __exit__(self, *_):
        self.lab("down")

    def client(self, v6=False, node="pop"):
        address = self.plan.address6(node) if v6 else self.plan.address(node)
        return Client(self.plan.namespace("client"), (address, 4600))

    def run(self, *words, node="client"):
        return subprocess.run(["ip", "netns", "exec", self.plan.namespace(node), *map(str, words)], text=True,
                              capture_output=True, check=False)

    @property
    def skerryctl(self):
        return self.plan.build / "tools/skerryctl/skerryctl"

    def ctl(self, *words, node="pop", check=True):
        done = self.run(self.skerryctl, "--json", "--admin", self.plan.admin_socket(node), *words)
        if check:
            assert done.returncode == 0, f"skerryctl {words}: {done.returncode} {done.stdout} {done.stderr}"
            return json.loads(done.stdout)
        return done

    def new_folder(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))

    def artifact(self, function, **files):
        folder = self.new_folder()
        (folder / "bootstrap").write_bytes(
            (self.plan.build / "tools/functions" / function / "bootstrap").read_bytes())
        (folder / "bootstrap").chmod(0o755)
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder

    def deploy(self, name, function, *options, **files):
        return self.ctl("function", "deploy", name, "--artifact", self.artifact(function, **files), *options)

    def reasons(self, node="pop"):
        return {name: each["count"] for name, each in self.ctl("stats", node=node)["reasons"].items()}

    def executions(self, name):
        time.sleep(0.3)  # what was written before an answer is collected soon after it
        counts = collections.Counter()
        for node in self.plan.servers:
            for log in (self.plan.node_dir(node) / "logs").glob(f"{name}.*.log"):
                counts.update(re.findall(r" out executed ([0-9a-f-]+)$", log.read_text(errors="replace"), re.M))
        return counts


def from_arguments(letter, letter6):
    """BUILD [6]: an ordinary lab, or one with IPv6 alone. Both may be up at the same time."""
    return Rig(sys.argv[1], letter6, settings=["family=6"]) if sys.argv[2:] == ["6"] else Rig(sys.argv[1], letter)


def status(request):
    return STATUSES.get(request.status, f"none ({request.status})")
