"""Snapshots of a Python process that has loaded its handler: what snapshot.h is for C, for CPython.

    import snapshot
    ... import the handler; no thread, no connection, no open file ...
    snapshot.take()        # an ordinary worker: does nothing. A template ends here; its copies go on
    ... connect to the Runtime API ...

Beside it lies libskerry_snapshot.so, or in the folder that LAMBDA_RUNTIME_DIR names.
"""
import gc
import os
import sys

VARIABLE = "SKERRY_SNAPSHOT_FD"
REFUSED_EXIT = 80


def wanted():
    """Whether this process is a template: it must not connect to anything."""
    return VARIABLE in os.environ


def take():
    """False in an ordinary worker, True in a copy. Does not return in a template."""
    value = os.environ.pop(VARIABLE, None)
    if value is None:
        return False
    # Ordinary workers do without it.
    import ctypes
    library = _library(ctypes)
    _prepare_random()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # What lives now lives as long as its copies: not to be looked at, and its pages stay shared.
    gc.collect()
    gc.freeze()
    # To the interpreter a copy is a child after fork; that runs the hooks of random, threading,
    # logging and everybody else who uses os.register_at_fork, and renews its own locks.
    ctypes.pythonapi.PyOS_BeforeFork()
    result = library.skerry_snapshot(int(value))
    if result == 1:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        _renew_random()
        return True
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if result < 0:
        reason = library.skerry_snapshot_text(result).decode()
        print(f"skerry: this function can't be a template: {reason}", file=sys.__stderr__, flush=True)
    os._exit(REFUSED_EXIT - result if result < 0 else 0)


def _library(ctypes):
    folders = (os.path.dirname(os.path.abspath(__file__)), os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime"))
    paths = [os.path.join(folder, "libskerry_snapshot.so") for folder in folders]
    # Keeps the interpreter's lock during the call.
    library = ctypes.PyDLL(next((path for path in paths if os.path.exists(path)), paths[-1]))
    library.skerry_snapshot_text.restype = ctypes.c_char_p
    return library


def _prepare_random():
    """OpenSSL's generator is set up once, instead of in each copy."""
    if "_ssl" in sys.modules:
        sys.modules["_ssl"].RAND_status()


def _renew_random():
    """random itself has a hook for forks; os.urandom, secrets and uuid4 ask the kernel."""
    if "_ssl" in sys.modules:
        # Seeds it from the kernel too. All processes are number 1, so it does not see that this is another.
        sys.modules["_ssl"].RAND_add(os.urandom(48), 48.0)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None
