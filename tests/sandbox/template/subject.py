"""A Python process that is copied: initialises, takes a snapshot, and prints in each copy what it computes."""
import sys

sys.path.insert(0, sys.argv[1])
import decimal
import hashlib
import json
import random
import re
import ssl
import threading
import time
import uuid

import snapshot

PATTERN = re.compile(r"(\w+)@(\w+)\.org")
TABLE = {i: hashlib.sha256(str(i).encode()).hexdigest() for i in range(2000)}
LOCK = threading.Lock()
random.seed(1)
ssl.RAND_bytes(8)
if sys.argv[2:] == ["threads"]:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
assert snapshot.wanted()

assert snapshot.take()

assert not snapshot.wanted()
with LOCK:
    decimal.getcontext().prec = 50
    root = decimal.Decimal(2).sqrt()
results = []
threads = [threading.Thread(target=lambda: results.append(sum(range(1000)))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert threading.main_thread() is threading.current_thread()
garbage = [[i, str(i)] for i in range(20000)]
assert len(json.loads(json.dumps(garbage))) == 20000
del garbage
assert abs(time.time() - float(sys.stdin.read() or time.time())) < 60
assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
print(json.dumps({
    "same": [str(root), TABLE[1999], PATTERN.sub(r"\2 \1", "a@b.org"), results, hashlib.md5(b"x").hexdigest()],
    "different": [random.random(), ssl.RAND_bytes(16).hex(), str(uuid.uuid4()), random.SystemRandom().random()],
}))
