"""What a server that has died may have left: processes, namespaces, control groups, mounts, files. All is looked for by
what it was seen to have while it lived, so that others on the machine don't matter."""
import os
import pathlib
import time

import traces
from run import start_time

PROC = pathlib.Path("/proc")
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def read(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def namespaces_of(pid):
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/ns"):
            found.add(os.readlink(f"/proc/{pid}/ns/{name}"))
    except OSError:
        pass  # it has ended
    return found


def groups_of(pid):
    """Folders of its control groups, of every hierarchy that is mounted in the usual place."""
    found = set()
    for line in read(PROC / str(pid) / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if path == "/":  # everybody's; and where those are told to be who have just ended
            continue
        places = [CGROUPS / controllers.removeprefix("name="), *(CGROUPS / each for each in controllers.split(","))] \
            if controllers else [CGROUPS, CGROUPS / "unified"]
        found |= {str(place) + path for place in places if (place / path.lstrip("/") / "cgroup.procs").exists()}
    return found


class Snapshot:
    """A living server: it, its warden, its workers."""

    def __init__(self, pid):
        self.pid = pid
        self.started = start_time(pid)
        everyone = [pid]
        for each in everyone:
            everyone += [child for child in traces.children(each) if child not in everyone]
        self.family = {each: start_time(each) for each in everyone}
        home = namespaces_of(os.getpid()) | namespaces_of(pid)
        ours = groups_of(os.getpid())
        self.namespaces, self.groups = set(), set()
        for each in everyone[1:]:
            self.namespaces |= namespaces_of(each) - home
            self.groups |= groups_of(each) - ours
        self.groups |= self.owned()
        self.inside = {(pid, start_time(pid)) for pid, _ in self.holders()}

    def holders(self):
        """(process, namespace of the server's that it is in), of all processes there are."""
        for process in PROC.glob("[0-9]*"):
            for name in namespaces_of(process.name) & self.namespaces:
                yield process.name, name

    def owned(self):
        """Groups that have its number in their name."""
        name = f"skerry-{self.pid}-{self.started}-*"
        return {str(path) for pattern in (name, f"*/{name}") for path in CGROUPS.glob(pattern)}

    @property
    def warden(self):
        return next((each for each in self.family if read(PROC / str(each) / "comm").strip() == "skerry-warden"), None)

    def remains(self):
        """Whatever is left of it, in words; nothing is left of a server that died well."""
        found = [f"process {pid}: {read(PROC / str(pid) / 'comm').strip()} {state(pid)}"
                 for pid, started in self.family.items() if started is not None and state(pid, started)]
        # The kernel gives the numbers of namespaces again at once: who was in none of them then is in another one.
        held = {name: pid for pid, name in self.holders() if (pid, start_time(pid)) in self.inside}
        found += [f"{name} of process {pid}" for name, pid in held.items()]
        found += [f"control group {group}" for group in sorted(self.groups | self.owned()) if pathlib.Path(group).exists()]
        found += [f"folder {folder}" for folder in PROC.parent.glob(f"var/run/dpdk/skerry-*-{self.pid}")]
        return found


def state(pid, started=None):
    """One letter, "Z" for a zombie; "" when it is gone, or is another process by now. An orphan that has ended is gone:
    when it is taken off the list is up to the machine's first process."""
    fields = read(PROC / str(pid) / "stat").rsplit(")", 1)[-1].split()
    if len(fields) < 20 or (started is not None and fields[19] != started) or fields[:2] == ["Z", "1"]:
        return ""
    return fields[0]


def zombies_below(pid):
    everyone = [pid]
    for each in everyone:
        everyone += [child for child in traces.children(each) if child not in everyone]
    return [each for each in everyone if state(each) == "Z"]


def mounts(own=""):
    """Where something is mounted here; what others' labs and tests mount is left out, and `own` is not."""
    others = ("/run/netns/", "/run/skerry-lab-", "/tmp/")
    return {line for line in read(PROC / "self/mountinfo").splitlines()
            if not line.split()[4].startswith(others) or own and own in line}


def files(folder, without=()):
    """Everything below a folder, as paths relative to it; folders end with a slash."""
    found = set()
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder)) + ("/" if path.is_dir() and not path.is_symlink() else "")
        if not any(name.startswith(each) for each in without):
            found.add(name)
    return found


def gone(snapshot, patience_s=45):
    """Waits until nothing is left of it; a busy machine's first process may take its time with orphans."""
    limit = time.monotonic() + patience_s
    while snapshot.remains() and time.monotonic() < limit:
        time.sleep(0.05)
    left = snapshot.remains()
    assert not left, f"left of server {snapshot.pid}: {left}"
