"""The systemd units and what is installed beside them."""
import functools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.dont_write_bytecode = True

import tap  # noqa: E402
from supervisor import read_unit, seconds  # noqa: E402
from tap import equal  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
FOLDER = tempfile.TemporaryDirectory(prefix="skerry-packaging-")


@functools.cache
def installed():
    """A root folder with what is installed; the prefix is the build's."""
    root = pathlib.Path(FOLDER.name) / "root"
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root], text=True,
                          capture_output=True, check=False)
    equal(done.returncode, 0, done.stdout + done.stderr)
    (prefix,) = {path.parent.parent for path in root.rglob("bin/skerryd")}
    return prefix


def number_in(file, pattern):
    (text,) = re.findall(pattern, (ROOT / file).read_text())
    return int(text.replace("'", ""))


def test_everything_that_the_manual_names_is_installed():
    prefix = installed()
    for name in ("bin/skerryd", "bin/skerryctl", "bin/skerry-load", "lib/systemd/system/skerryd@.service",
                 "lib/systemd/system/skerry-hugepages.service", "share/doc/skerry/operations.md",
                 "share/skerry/tools/runtime-images", "share/skerry/tools/runtime-images.d/kinds.txt",
                 "share/skerry/sandbox/runtime/python3/bootstrap.py", "share/skerry/sandbox/runtime/nodejs/bootstrap.mjs"):
        assert (prefix / name).is_file(), name
    link = prefix / "bin/skerry-runtime-images"
    target = str(link.readlink())
    assert str(prefix).endswith(str(pathlib.Path(target).parents[3])), target
    tool = prefix / "share/skerry/tools/runtime-images"
    done = subprocess.run([tool, "--help"], text=True, capture_output=True, check=False)
    equal(done.returncode, 0, done.stderr)
    assert "provided" in done.stdout, done.stdout


def test_systemd_finds_nothing_wrong():
    if not shutil.which("systemd-analyze"):
        raise tap.Skip("no systemd-analyze: apt-get install systemd")
    prefix = installed()
    where = pathlib.Path(FOLDER.name) / "units"
    where.mkdir()
    for name in ("skerryd@.service", "skerry-hugepages.service"):
        text = (prefix / "lib/systemd/system" / name).read_text()
        # Programs are looked for where they are installed, which they are not.
        text = re.sub(r"^ExecStart=/\S*/skerryd ", f"ExecStart={prefix}/bin/skerryd ", text, flags=re.M)
        text = re.sub(r"^Documentation=.*$", "", text, flags=re.M)
        (where / name.replace("@", "@pop")).write_text(text)
    for unit in sorted(where.iterdir()):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], text=True,
                              capture_output=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line or str(unit) in line]
        equal((done.returncode, said), (0, []), done.stdout + done.stderr)


def test_its_numbers_fit_the_program():
    unit = read_unit()
    drain_s = number_in("control/controller/server.cpp", r"kDrainTimeout_us = ([\d']+);") / 1e6
    warden_s = number_in("sandbox/warden/client.cpp", r"kEndTimeoutMs = (\d+);") / 1e3
    assert seconds(unit["TimeoutStopSec"]) > drain_s + 2 * warden_s, "a stop is given up before it is over"
    workers = number_in("control/config/parse.cpp", r'"max", 1, (\d+)') if '"max", 1, ' in \
        (ROOT / "control/config/parse.cpp").read_text() else 1024
    assert int(unit["LimitNOFILE"]) >= 256 + workers * (8 + 16), "open files of the largest configuration"
    assert int(unit["TasksMax"]) >= workers * 64 + 1024, "tasks of as many workers as there may be"
    equal(int(unit["RestartPreventExitStatus"]), number_in("control/controller/skerryd.cpp", r"kExitUsage = (\d);"))
    not_started = number_in("control/controller/skerryd.cpp", r"kExitNotStarted = (\d);")
    assert f'"$$EXIT_STATUS" != {not_started} ]' in unit["ExecStopPost"], unit["ExecStopPost"]
    assert unit["Delegate"].split() == ["cpu", "memory", "pids"], unit["Delegate"]
    equal(unit["ConditionPathExists"], unit["ExecStart"].split()[-1])


if __name__ == "__main__":
    try:
        code = tap.run(sys.modules["__main__"])
    finally:
        FOLDER.cleanup()
    sys.exit(code)
