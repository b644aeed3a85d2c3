"""Running commands, and processes that outlive this one: started, found again, ended by their pid. What to do
with a signal meanwhile."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time


class LabError(Exception):
    """What went wrong, and what to do about it."""


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_caught = {"seen": False, "held": 0}


def catch_signals():
    """From now on the first of them is a KeyboardInterrupt, so that clean-up runs; later ones do nothing."""
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(each, _on_signal)


def _on_signal(*_):
    if not _caught["seen"]:
        _caught["seen"] = True
        if not _caught["held"]:
            raise KeyboardInterrupt


@contextlib.contextmanager
def held_back():
    """A signal waits until the end of this: what is started in here is also recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's alone
        return
    _caught["held"] += 1
    seen = _caught["seen"]
    try:
        yield
    finally:
        _caught["held"] -= 1
    if _caught["seen"] and not seen and not _caught["held"]:
        raise KeyboardInterrupt


def ignore_signals():
    """For clean-up: also what it runs is not to be ended by another Ctrl-C."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def command(*words, check=True, **options):
    done = subprocess.run(words, text=True, capture_output=True, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def in_namespace(namespace, *words, **options):
    return command("ip", "netns", "exec", namespace, *words, **options)


def start_time(pid):
    """The kernel's start time of a process: with the pid it names one process for good. None: gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return None if fields[0] == "Z" else fields[19]


# As `ip netns exec`, which mounts the namespace's /sys over the one with the cgroups; here they are put back. /mnt is
# a folder that is there, and what is mounted on it is seen by these alone; namespaces that others make later are seen, too.
ENTER = """mount --make-rslave / && mount --rbind /sys/fs/cgroup /mnt && mount -t sysfs none /sys &&
           mount --rbind /mnt /sys/fs/cgroup && umount -l /mnt && exec "$@\""""


def entering(namespace, words):
    return ["nsenter", f"--net=/run/netns/{namespace}", "unshare", "--mount", "--propagation", "unchanged", "sh", "-c", ENTER,
            "sh", *map(str, words)]


def spawn(pid_file, log, namespace, *words):
    """Starts words in the namespace, in a session of its own; returns the pid."""
    with held_back(), open(log, "ab") as out:
        process = subprocess.Popen(entering(namespace, words), stdout=out, stderr=out,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        pid_file.write_text(f"{process.pid} {start_time(process.pid)}\n")
    return process.pid


def recorded(pid_file):
    """The pid of a recorded process that still lives, or None."""
    try:
        pid, started = pid_file.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started else None


def end(pid_file, sig=signal.SIGTERM, patience_s=15.0):
    """Ends the recorded process and waits for it; kills it when it does not listen."""
    pid = recorded(pid_file)
    if pid is not None:
        os.kill(pid, sig)
        limit = time.monotonic() + patience_s
        while recorded(pid_file) is not None:
            reap(pid)
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
                limit += 5
            time.sleep(0.01)
        remove_dpdk_folder(pid)
    pid_file.unlink(missing_ok=True)
    return pid


def remove_dpdk_folder(pid):
    """skerryd removes it itself, unless it was killed in the middle of its start."""
    for folder in pathlib.Path("/var/run/dpdk").glob(f"skerry-*-{pid}"):
        with contextlib.suppress(OSError):
            folder.rmdir()


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # another process started it
