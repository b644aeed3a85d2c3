"""tools/runtime-images, in a folder of its own.   images.py BUILD"""
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

import rig  # noqa: F401: the paths
from rig import ROOT
from tap import Skip, equal, run

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="skerry-images-"))
KINDS = ("native", "provided", "python3", "nodejs")


def make(*kinds):
    if os.geteuid() != 0:
        raise Skip("needs root")
    return subprocess.run([ROOT / "tools/runtime-images", FOLDER, *kinds], text=True, capture_output=True)


def inside(kind, *command):
    """Run in the image as a worker's user, with nothing of the host's environment."""
    return subprocess.run(["env", "-i", "PATH=/usr/bin:/bin", "/usr/sbin/chroot", "--userspec=1000:1000", FOLDER / kind,
                           *command], text=True, capture_output=True)


def test_made_silently(_build):
    done = make()
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "exit, output, errors")
    for kind in KINDS:
        assert (FOLDER / kind / "usr/lib").is_dir() and (FOLDER / kind / "lib").is_symlink(), kind
        equal(os.readlink(FOLDER / kind / "task"), "var/task", "the artifact's other name")


def test_nothing_that_gives_power(_build):
    if os.geteuid() != 0:
        raise Skip("needs root")
    for folder, folders, files in os.walk(FOLDER):
        for name in folders + files:
            path = pathlib.Path(folder) / name
            found = path.lstat()
            if path.parent == FOLDER or stat.S_ISLNK(found.st_mode):
                continue
            assert stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode), f"{path}: neither file nor folder"
            equal((found.st_uid, found.st_gid, found.st_mode & 0o7022), (0, 0, 0), f"{path}: owner, dangerous bits")
            assert found.st_mode & 0o444 == 0o444, f"{path}: not readable by all"
            if stat.S_ISREG(found.st_mode):
                equal(found.st_nlink, 1, f"{path}: names")
    for kind in KINDS:
        for gone in ("usr/bin/dpkg", "usr/bin/apt-get", "usr/bin/su", "usr/bin/mount", "usr/bin/pip3", "usr/bin/npm",
                     "etc/shadow", "etc/machine-id", "root"):
            assert not os.path.lexists(FOLDER / kind / gone), f"{kind}: {gone}"
        # Where a function's own may be mounted; nothing of the machine's.
        equal((FOLDER / kind / "etc/resolv.conf").read_bytes(), b"# no name server\n", f"{kind}: etc/resolv.conf")


def test_interpreters_run(_build):
    if os.geteuid() != 0:
        raise Skip("needs root")
    for kind, command, expected in (
            ("provided", ["/bin/bash", "-c", "getent passwd 1000 && date +%Z && ls /var/task"],
             "worker:x:1000:1000:worker:/tmp:/bin/sh\nUTC\n"),
            ("python3", ["/usr/bin/python3", "-c", "import subprocess; print(subprocess.getoutput('echo $((6*7))'))"], "42\n"),
            ("nodejs", ["/usr/bin/node", "-p", "require('child_process').execSync('echo $((6*7))').toString().trim()"], "42\n")):
        done = inside(kind, *command)
        equal((done.returncode, done.stdout), (0, expected), f"{kind}: {done.stderr}")
    # The bootstraps are there, and know what they miss.
    for kind in ("python3", "nodejs"):
        done = inside(kind, "/var/runtime/bootstrap")
        equal((done.returncode, "AWS_LAMBDA_RUNTIME_API is not set" in done.stderr), (1, True), f"{kind}: {done.stderr}")


def test_left_alone_when_nothing_changed(_build):
    before = [(FOLDER / kind).stat().st_ino for kind in KINDS]
    equal(make().returncode, 0, "exit")
    equal([(FOLDER / kind).stat().st_ino for kind in KINDS], before, "the same folders")


def test_made_anew_for_other_versions(_build):
    stamp = FOLDER / ".native.stamp"
    if not stamp.exists():
        raise Skip("needs root")
    before = (FOLDER / "native").stat().st_ino
    stamp.write_text(stamp.read_text().replace("libc6 ", "libc6 0."))
    old = os.open(FOLDER / "native", os.O_PATH)
    equal(make("native").returncode, 0, "exit")
    assert (FOLDER / "native").stat().st_ino != before
    # Who is in the old one, stays in it: until the next run finds nobody there.
    assert os.stat("etc/passwd", dir_fd=old)
    os.close(old)
    equal(len(list(FOLDER.glob(".old-native-*"))), 1, "old images")
    equal(make("native").returncode, 0, "exit")
    equal(len(list(FOLDER.glob(".old-*"))), 0, "old images")


def test_an_image_in_use_is_kept(_build):
    stamp = FOLDER / ".native.stamp"
    if not stamp.exists():
        raise Skip("needs root")
    script = 'mount --bind "$1/native" /mnt && echo there && read _'
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", FOLDER], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as user:
        equal(user.stdout.readline(), "there\n", "a mount of it")
        stamp.unlink()
        for _ in range(2):
            equal(make("native").returncode, 0, "exit")
        equal(len(list(FOLDER.glob(".old-native-*"))), 1, "old images while it is mounted")
        user.stdin.close()
    equal(make("native").returncode, 0, "exit")
    equal(len(list(FOLDER.glob(".old-*"))), 0, "old images after")


def test_says_what_is_wrong(_build):
    done = make("cobol")
    equal((done.returncode, "no such kind: cobol" in done.stderr), (2, True), done.stderr)


try:
    code = run(sys.modules[__name__], *sys.argv[1:2])
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(code)
