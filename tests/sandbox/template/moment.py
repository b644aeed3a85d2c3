"""Imports what handlers import, becomes a template if told to, and says when it would serve."""
import sys
import time

sys.path.insert(0, sys.argv[1])
import decimal  # noqa: F401
import hashlib  # noqa: F401
import json  # noqa: F401
import random  # noqa: F401
import re  # noqa: F401
import ssl  # noqa: F401
import urllib.request  # noqa: F401

import snapshot

snapshot.take()
print(time.monotonic_ns(), flush=True)
time.sleep(9)
