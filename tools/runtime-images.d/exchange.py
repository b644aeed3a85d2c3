"""Puts a new image in the old one's place while workers may still be running in the old one."""
import ctypes
import os
import pathlib
import shutil
import time

from packages import ImageError

AT_FDCWD, RENAME_EXCHANGE = -100, 2
OLD = ".old-"


def exchange(new, place):
    """At no moment is there no image. The old one stays, by another name, for those who are in it."""
    if not place.exists():
        new.rename(place)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(place), RENAME_EXCHANGE) != 0:
        raise ImageError(f"{place}: the new image can't take its place: {os.strerror(ctypes.get_errno())}")
    new.rename(place.parent / f"{OLD}{place.name}-{time.time_ns()}")


def mounted():
    """All mounts of all processes, as one text: a worker's are in a namespace of its own."""
    texts = []
    for path in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            texts.append(path.read_text(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(texts)


def remove_old(folder):
    """Old images that no worker is in any more, and what an interrupted run left."""
    left = list(folder.glob(f"{OLD}*"))
    if left:
        seen = mounted()
        left = [path for path in left if f"/{path.name}" not in seen]
    for path in left + list(folder.glob(".new-*")):
        shutil.rmtree(path, ignore_errors=True)
