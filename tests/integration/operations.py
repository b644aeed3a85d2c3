"""The commands of docs/operations.md, in a lab. Those that ask systemd are run by tests/systemd, in a virtual machine."""
import contextlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile

import rig
import tap
from tap import equal

PAGE = (rig.ROOT / "docs/operations.md").read_text()
GUEST = (rig.ROOT / "tests/systemd/guest").read_text()


def commands():
    """Lines that are indented by four, outside of blocks."""
    text = re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S)
    return [line.strip() for line in re.findall(r"^ {4}(\S.*)$", text, re.M)]


def test_it_is_installed_as_written(lab):
    (script,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    with tempfile.TemporaryDirectory(prefix="skerry-operations-") as name:
        folder = pathlib.Path(name)
        (folder / "build").symlink_to(lab.plan.build)
        (folder / "tools").mkdir()
        for done_already in ("setup", "build"):
            (folder / "tools" / done_already).write_text("#!/bin/sh\n")
            (folder / "tools" / done_already).chmod(0o755)
        done = subprocess.run(["bash", "-eu", "-c", script], cwd=folder, text=True, capture_output=True, check=False,
                              env=dict(os.environ, DESTDIR=str(folder / "root")))
        equal(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        assert list((folder / "root").rglob("bin/skerryd")), "no skerryd"


def test_every_command_works(lab):
    lab.deploy("hello", "echo", "--warm-min", "1")
    copy = lab.new_folder()
    places = {"/etc/skerry/pop-1.toml": lab.plan.dir / "pop.toml", "/var/lib/skerry/pop-1": lab.plan.node_dir("pop"),
              "/root/": f"{copy}/", "skerryctl ": f"{lab.skerryctl} ", "skerryd ": f"{lab.plan.skerryd} "}
    ran = 0
    for command in commands():
        program = command.split()[0]
        if program in ("systemctl", "systemd-run", "journalctl", "echo"):
            assert program in GUEST, f"nobody tries {program}"
            continue
        if program == "skerry-runtime-images":
            continue  # tools/test makes them with it
        if program in ("apt-get", "etcdctl"):
            continue  # of other packages; fleet.py has an etcd with such a user
        assert program in ("skerryctl", "skerryd", "curl", "sqlite3", "tar"), f"nobody tries {command}"
        for written, here in places.items():
            command = command.replace(written, str(here))
        done = lab.run("bash", "-c", command, node="pop")
        equal(done.returncode, 0, f"{command}: {done.stdout} {done.stderr}")
        ran += 1
    assert ran >= 6, ran
    with tarfile.open(copy / "pop-1.tar") as archive:
        names = archive.getnames()
    assert any(name.startswith("artifacts/") for name in names), names
    with contextlib.closing(sqlite3.connect(copy / "pop-1.db")) as database:
        equal([name for (name,) in database.execute("SELECT name FROM functions")], ["hello"])
    going_back = json.loads((copy / "catalog.json").read_text())
    equal((going_back["format"], [each["name"] for each in going_back["functions"]]), (1, ["hello"]))


def test_every_metric_is_there(lab):
    done = lab.run("curl", "-s", "--unix-socket", lab.plan.admin_socket("pop"), "http://x/metrics", node="pop")
    reasons = set(re.findall(r'reason="(\w+)"', done.stdout))
    for name, all_of_them in set(re.findall(r"(skerry_\w+)(\*?)", PAGE)):
        if re.match("skerry_(store|fleet)_", name):
            continue  # of members of a fleet: fleet.py looks for them
        assert re.search(rf"^(# TYPE )?{name}" + ("" if all_of_them else r"\b"), done.stdout, re.M), name
    for prefix, names in re.findall(r'reason=~"(\w+_)\(([^)]*)\)"', PAGE):
        for name in names.replace("\\", "").split("|"):
            assert prefix + name in reasons, prefix + name


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "o", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
