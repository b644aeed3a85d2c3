"""Each attempt as a child of the interpreter, in its jail and under its filter."""
import os
import subprocess


def handler(event, _context):
    if event == "end":
        os._exit(0)
    return subprocess.run(["/var/task/attempts", event], capture_output=True, text=True, check=False).stdout
