"""Running commands, and processes that outlive this one: started, found again, ended by their pid."""
import os
import pathlib
import signal
import subprocess
import time


class LabError(Exception):
    """What went wrong, and what to do about it."""


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


def spawn(pid_file, log, namespace, *words):
    """Starts words in the namespace, in a session of its own; returns the pid."""
    with open(log, "ab") as out:
        process = subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, words)], stdout=out, stderr=out,
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
    pid_file.unlink(missing_ok=True)
    return pid


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # another process started it
