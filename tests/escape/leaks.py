"""What a server has of processes, namespaces, mounts, groups, files and descriptors; and what it may not have more of."""
import contextlib
import os
import pathlib

NAMESPACES = ("net", "mnt", "pid", "user")


def descriptors(pid):
    """Kind of open file → how many. Which worker's they are is no matter."""
    found = {}
    with contextlib.suppress(OSError):
        for each in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                kind = os.readlink(each).split("[")[0].split(":")[0]
                found[kind] = found.get(kind, 0) + 1
    return found


def descendants(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def namespaces(pids):
    found = {kind: set() for kind in NAMESPACES}
    for pid in pids:
        for kind in NAMESPACES:
            with contextlib.suppress(OSError):
                found[kind].add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    return {kind: len(each) for kind, each in found.items()}


def groups():
    """Cgroups, in all hierarchies, that speak of skerry."""
    return sorted(str(path) for path in pathlib.Path("/sys/fs/cgroup").glob("**/*skerry*/**") if path.is_dir())


def mounts(pid):
    with contextlib.suppress(OSError):
        return len(pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return 0


def state(scene):
    """Everything that is counted; two of these are compared."""
    skerryd, warden = scene.server_pids()
    family = [skerryd, *descendants(skerryd)]
    folder = scene.lab.plan.node_dir("pop")
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("**/*") if "logs" not in path.parts)
    return {"processes of workers": len(scene.worker_pids()), "family": len(family), "namespaces": namespaces(family),
            "mounts of skerryd": mounts(skerryd), "mounts of the host": mounts("self"),
            "descriptors of skerryd": descriptors(skerryd), "descriptors of the warden": descriptors(warden),
            "files": files, "shared memory": sorted(os.listdir("/dev/shm")), "groups": len(groups())}


def more(before, after):
    """What differs, for people; empty: nothing."""
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}
