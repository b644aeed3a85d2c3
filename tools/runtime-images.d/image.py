"""Makes one image in a folder that is not there yet: files out of packages, and what they need around them."""
import errno
import fnmatch
import os
import pathlib
import shutil
import stat
import subprocess

from packages import ImageError, files_of

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
MOUNT_POINTS = ("dev", "proc", "tmp", "var/task", "var/tmp", "run", "opt")
ETC = {
    "passwd": "root:x:0:0:root:/:/bin/false\nworker:x:1000:1000:worker:/tmp:/bin/sh\n"
              "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "root:x:0:\nworker:x:1000:\nnogroup:x:65534:\n",
    # No name server is in reach; asking for one would only cost time.
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "host.conf": "multi on\n",
    # Functions that have been granted a network find its resolvers in the place of this one, and of nsswitch.conf.
    "resolv.conf": "# no name server\n",
}


def place_of(path):
    """Where a listed path is in the image, /bin and its like merged into /usr; None: not in an image."""
    parts = path.strip("/").split("/")
    if parts[0] in MERGED:
        parts = ["usr", *parts]
    return "/".join(parts) if parts[0] == "usr" and len(parts) > 2 else None


def copy_file(source, target):
    """A copy of its own, so that no upgrade of the host reaches it. Never setuid, setgid or sticky."""
    target.parent.mkdir(parents=True, exist_ok=True)
    information = os.lstat(source)
    if stat.S_ISLNK(information.st_mode):
        target.symlink_to(os.readlink(source))
    elif stat.S_ISREG(information.st_mode):
        with open(source, "rb", buffering=0) as old, open(target, "xb", buffering=0) as new:
            try:
                # In the kernel, and shared where the file system can share blocks.
                while os.copy_file_range(old.fileno(), new.fileno(), 1 << 30) > 0:
                    pass
            except OSError as problem:
                if problem.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                    raise
            # The rest, or all of it where the kernel can't: between some file systems, and out of some.
            shutil.copyfileobj(old, new, 1 << 20)
        os.chmod(target, 0o755 if information.st_mode & 0o111 else 0o644)
        os.utime(target, ns=(information.st_mtime_ns, information.st_mtime_ns))


def copy_packages(image, kind, packages):
    for path in files_of(packages):
        place = place_of(path)
        if place is None or any(fnmatch.fnmatchcase(place, pattern) for pattern in kind.drops):
            continue
        # Listed but not there: diverted, or left out by dpkg's own configuration. The check tells if it mattered.
        if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path)):
            target = image / place
            if not os.path.lexists(target):
                copy_file(path, target)


def link(image, kind):
    for name in MERGED[:-2]:
        if (image / "usr" / name).is_dir() or name in ("bin", "lib", "sbin"):
            (image / "usr" / name).mkdir(exist_ok=True)
            (image / name).symlink_to(f"usr/{name}")
    if (image / "usr/lib64").is_dir():
        (image / "lib64").symlink_to("usr/lib64")
    for name, target in kind.links:
        if not os.path.lexists(image / name):
            (image / name).symlink_to(target)
    for name in MOUNT_POINTS:
        (image / name).mkdir(parents=True, exist_ok=True)
    # Both names of an artifact's place, in every kind.
    (image / "task").symlink_to("var/task")


def write_etc(image):
    """/etc of packages and of ours: nothing of the host's own."""
    etc = image / "etc"
    (etc / "ssl/certs").mkdir(parents=True)
    for name, text in ETC.items():
        (etc / name).write_text(text)
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    for name in ("mime.types", "protocols", "services"):
        if os.path.isfile(f"/etc/{name}"):
            copy_file(f"/etc/{name}", etc / name)
    bundle = "".join(path.read_text() for path in sorted(pathlib.Path("/usr/share/ca-certificates/mozilla").glob("*.crt")))
    (etc / "ssl/certs/ca-certificates.crt").write_text(bundle)
    # OpenSSL's default bundle and folder, here of the one file.
    openssl = image / "usr/lib/ssl"
    openssl.mkdir(parents=True, exist_ok=True)
    for name, target in (("certs", "/etc/ssl/certs"), ("cert.pem", "/etc/ssl/certs/ca-certificates.crt")):
        if not os.path.lexists(openssl / name):
            (openssl / name).symlink_to(target)


def run(*command):
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(map(str, command))[:300]}: exit {done.returncode}: "
                         + (done.stderr or done.stdout).strip()[-600:])


def linker_cache(image):
    folders = sorted(f"/{path.relative_to(image)}" for path in (image / "usr/lib").glob("*-linux-*") if path.is_dir())
    (image / "etc/ld.so.conf").write_text("\n".join(folders) + "\n")
    run("/sbin/ldconfig", "-X", "-r", image)


def compile_modules(image, kind):
    """Never looked at again for a change: the image has none."""
    for pattern in kind.bytecode:
        for folder in sorted(image.glob(pattern)):
            run("/usr/sbin/chroot", image, "/usr/bin/python3", "-c", f"""if True:
                import compileall, py_compile
                done = compileall.compile_dir("/{folder.relative_to(image)}", quiet=2, maxlevels=20,
                                              invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
                raise SystemExit(not done)""")


def close_up(image):
    """World-readable, root's, writable by nobody else; no folder that nothing is in."""
    for folder, folders, files in os.walk(image, topdown=False):
        for name in files + folders:
            os.lchown(os.path.join(folder, name), 0, 0)
        os.chmod(folder, 0o755)
    os.chown(image, 0, 0)


def check(image, kind):
    # As a worker would: without the host's environment, and not as root.
    for command in kind.checks:
        run("env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "/usr/sbin/chroot", "--userspec=1000:1000", image,
            *command)


def make(image, kind, packages, ours):
    """All of it; `ours` is place in the image → file."""
    image.mkdir(parents=True)
    copy_packages(image, kind, packages)
    link(image, kind)
    write_etc(image)
    (image / "var/runtime").mkdir(parents=True)
    for place, path in ours.items():
        copy_file(path, image / place)
    linker_cache(image)
    compile_modules(image, kind)
    close_up(image)
    check(image, kind)
