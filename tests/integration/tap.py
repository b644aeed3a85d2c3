"""The smallest runner: a module's functions test_*, in order, as TAP on standard output."""
import pathlib
import sys
import time
import traceback

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tools/lab.d"))

from run import catch_signals  # noqa: E402


class Skip(Exception):
    """Why a test can't run here."""


def equal(found, expected, what=""):
    assert found == expected, f"{what or 'value'}: found {found!r}, expected {expected!r}"


def eventually(condition, what, patience_s=15.0):
    limit = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < limit, f"never happened: {what}"
        time.sleep(0.05)


def run(module, *arguments):
    catch_signals()  # a test that takes too long is ended by SIGTERM: what it started is to go
    tests = [(name, value) for name, value in vars(module).items() if name.startswith("test_")]
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test(*arguments)
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:  # noqa: BLE001: whatever it was, the next test runs
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            why = traceback.format_exc()
            for line in why.splitlines():
                print(f"# {line}", flush=True)
            # Meson's report of a failure has what was said there, and of TAP nothing but names.
            print(f"{name}: {why}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    return 1 if failed else 0
