"""docs/quick-start.md, line by line, in a lab of another name and with the build that is there."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import rig
import tap
import traces
from tap import equal

BUILD = pathlib.Path(sys.argv[1]).resolve()
NAME = f"q{os.getpid() % 0xFFFFFF:x}"


def blocks(language):
    text = (rig.ROOT / "docs/quick-start.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def executable(path, text):
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)


def prepare(folder):
    """What looks like the repository, with a lab that does not meet anybody else's."""
    (folder / "tools").mkdir()
    executable(folder / "tools/lab", f'verb=$1; shift\nexec {rig.ROOT}/tools/lab "$verb" --name {NAME} --build {BUILD} "$@"\n')
    for done_already in ("setup", "build"):
        executable(folder / "tools" / done_already, "exit 0\n")
    (folder / "build").symlink_to(BUILD)
    (folder / "sandbox").symlink_to(rig.ROOT / "sandbox")
    (source,) = blocks("c")
    (folder / "hello.c").write_text(source)


def test_the_quick_start():
    with tempfile.TemporaryDirectory(prefix="skerry-quick-start-") as name:
        folder = pathlib.Path(name)
        prepare(folder)
        script = "\n".join(blocks("sh"))
        for word in ("tools/lab up", "function deploy", "invoke hello", "skerry-load", "tools/lab down"):
            assert word in script, f"{word} is not in the quick start any more"
        script = script.replace("/tmp/hello", str(folder / "hello"))
        done = subprocess.run(["bash", "-eux", "-c", script], cwd=folder, text=True, capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=120)
        said = done.stdout + done.stderr
        equal(done.returncode, 0, said)
        assert "hello, world" in done.stdout, said
        assert "\nok: executed" in done.stderr, said
        assert re.search(r"^sent \d+ in .*, answered [1-9]", done.stdout, re.M), said
        assert re.search(r"^status: .*\bok [1-9]", done.stdout, re.M), said
        traces.check_gone(NAME)


if __name__ == "__main__":
    try:
        code = tap.run(sys.modules["__main__"])
    finally:
        subprocess.run([sys.executable, rig.ROOT / "tools/lab", "down", "--name", NAME, "--build", BUILD], check=True)
    sys.exit(code)
