"""What a lab may leave behind: processes, namespaces, its folder, DPDK's folders."""
import os
import pathlib
import subprocess
import time

import tap
from run import start_time

DPDK = pathlib.Path("/var/run/dpdk")
STARTED = time.time()


def namespaces(name):
    found = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True, check=True).stdout.split()
    return [each for each in found if each.startswith(f"sk-{name}-")]


def processes(name):
    """Every process in the lab's namespaces, and what each has started: pid → start time."""
    found = []
    for namespace in namespaces(name):
        pids = subprocess.run(["ip", "netns", "pids", namespace], text=True, capture_output=True, check=True).stdout
        found += [int(pid) for pid in pids.split()]
    for pid in found:  # workers are in namespaces of their own
        found += [each for each in children(pid) if each not in found]
    times = {pid: start_time(pid) for pid in found}
    return {pid: started for pid, started in times.items() if started is not None}


def children(pid):
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for task in tasks:
        try:
            found += [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
        except OSError:
            pass
    return found


def dpdk_folders(pids):
    """DPDK's folders of these processes; one that is older than this test is of an earlier process."""
    found = [each for pid in pids for each in DPDK.glob(f"skerry-*-{pid}")]
    return [str(each) for each in found if each.stat().st_mtime >= STARTED]


def check_gone(name, before=()):
    """Nothing of the lab is left. `before`: processes() of when it was up."""
    assert not namespaces(name), namespaces(name)
    assert not pathlib.Path(f"/run/skerry-lab-{name}").exists()
    alive = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_text() for pid, started in dict(before).items()
             if start_time(pid) == started}
    assert not alive, alive
    assert not dpdk_folders(before), dpdk_folders(before)
    assert not mentioned(f"/run/skerry-lab-{name}"), mentioned(f"/run/skerry-lab-{name}")


def mentioned(text):
    """Processes that have the text in their arguments."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found[path.parent.name] = words
    return found


def families(name, least):
    """processes() once there are as many as that."""
    return tap.eventually(lambda: (found := processes(name)) and len(found) >= least and found, f"{least} processes")
