"""Archives that would write or read outside of their folder: refused when they are deployed."""
import io
import pathlib
import stat
import tarfile
import tempfile
import zipfile

import tap


def member(name, kind=tarfile.REGTYPE, link="", mode=0o755, device=(0, 0)):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.devmajor, info.devminor = device
    return info


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for each in (member("bootstrap"), *members):
            content = b"#!/bin/false\n" if each.type == tarfile.REGTYPE else b""
            each.size = len(content)
            archive.addfile(each, io.BytesIO(content))
    return out.getvalue()


def zip_of(name, mode):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


REFUSED = {
    "a path that climbs": tar_of(member("../../etc/cron.d/x")),
    "an absolute path": tar_of(member("/etc/cron.d/x")),
    "a link to a file of the host": tar_of(member("data", tarfile.SYMTYPE, "/etc/shadow")),
    "a link that climbs": tar_of(member("data", tarfile.SYMTYPE, "../../../../etc/shadow")),
    "a link that climbs late": tar_of(member("a/b", tarfile.SYMTYPE, "c/../../../etc")),
    "a file through a link": tar_of(member("up", tarfile.SYMTYPE, "."), member("up/x")),
    "a hard link to a file of the host": tar_of(member("data", tarfile.LNKTYPE, "/etc/shadow")),
    "a hard link that climbs": tar_of(member("data", tarfile.LNKTYPE, "../../../../etc/shadow")),
    "a character device": tar_of(member("mem", tarfile.CHRTYPE, device=(1, 1))),
    "a block device": tar_of(member("disk", tarfile.BLKTYPE, device=(8, 0))),
    "a pipe": tar_of(member("pipe", tarfile.FIFOTYPE)),
    "a setuid program": tar_of(member("su", mode=0o4755)),
    "a setgid program": tar_of(member("sg", mode=0o2755)),
    "bootstrap as a link to the host's": zip_of("bootstrap", stat.S_IFLNK | 0o777),
}


def test_hostile_archives_are_refused(scene):
    with tempfile.TemporaryDirectory(prefix="skerry-escape-") as folder:
        for what, content in REFUSED.items():
            path = pathlib.Path(folder) / "archive"
            path.write_bytes(content)
            done = scene.lab.ctl("function", "deploy", "hostile", "--artifact", path, "--place", "pop", check=False)
            tap.equal(done.returncode, 1, f"{what}: {done.stdout}{done.stderr}")
            assert "bad-artifact" in done.stdout + done.stderr, f"{what}: {done.stdout}{done.stderr}"
            scene.check_neighbour(f"after {what}")


def test_a_bootstrap_that_is_skerryd_itself(scene):
    """"#!/proc/self/exe" makes the kernel start, in the jail, the program that builds jails (CVE-2019-5736, CVE-2024-21626)."""
    skerryd = scene.lab.plan.skerryd.resolve()
    before = (skerryd.stat().st_mtime_ns, skerryd.stat().st_size)
    with tempfile.TemporaryDirectory(prefix="skerry-escape-") as folder:
        for interpreter in ("/proc/self/exe", "/proc/self/fd/3", "/proc/self/cwd/../../../bin/sh"):
            path = pathlib.Path(folder) / "bootstrap"
            path.write_text(f"#!{interpreter} --version\n")
            path.chmod(0o755)
            done = scene.lab.ctl("function", "deploy", "hostile", "--artifact", path, "--place", "pop", "--warm-min", "1",
                                 check=False)
            tap.equal(done.returncode, 1, f"{interpreter}: {done.stdout}{done.stderr}")
            assert "start-failed" in done.stdout + done.stderr, f"{interpreter}: {done.stdout}{done.stderr}"
            scene.check_neighbour(f"after {interpreter}")
    tap.equal((skerryd.stat().st_mtime_ns, skerryd.stat().st_size), before, "skerryd's program")
