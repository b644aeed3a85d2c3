"""What a server has of processes, namespaces, mounts, groups, files and descriptors, and what it has more of later."""
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


def groups(pids):
    """Cgroups that the server's workers are in, and all beside them: in every hierarchy."""
    folders = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                if "skerry" in path:
                    name = "unified" if not controllers else controllers.removeprefix("name=")
                    base = pathlib.Path("/sys/fs/cgroup") / name
                    folders.add((base if base.is_dir() else pathlib.Path("/sys/fs/cgroup")) / path.lstrip("/"))
    return sorted({str(each) for folder in folders for each in folder.parent.glob("*") if each.is_dir()})


def mounts(pid, word=""):
    """Without other people's network namespaces: a lab sees them come and go."""
    with contextlib.suppress(OSError):
        lines = pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        return len([line for line in lines if word in line and (word or " /run/netns/" not in line)])
    return 0


def state(scene):
    """Everything that is counted; two of these are compared."""
    skerryd, warden = scene.server_pids()
    family = [skerryd, *descendants(skerryd)]
    folder = scene.lab.plan.node_dir("pop")
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("**/*") if "logs" not in path.parts)
    return {"processes of workers": len(scene.worker_pids()), "family": len(family), "namespaces": namespaces(family),
            "mounts of skerryd": mounts(skerryd), "mounts of the host": mounts("self", scene.lab.plan.name),
            "descriptors of skerryd": descriptors(skerryd), "descriptors of the warden": descriptors(warden),
            "files": files, "groups": len(groups(family))}


def excess(before, after):
    if isinstance(before, dict):
        return {key: (before.get(key, 0), after[key]) for key in after if after[key] > before.get(key, 0)}
    if isinstance(before, list):
        return sorted(set(after) - set(before))
    return (before, after) if after > before else None


def more(before, after):
    """What there is more of now, for people; empty: nothing. Less is no leak: a connection that was just being served."""
    found = {key: excess(before[key], after[key]) for key in before}
    return {key: value for key, value in found.items() if value}
