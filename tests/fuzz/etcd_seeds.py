"""Answers of an etcd 3.4.23, the first byte saying to which question (etcd_fuzz.cpp)."""
import base64
import json

HEADER = {"cluster_id": "324952591200643719", "member_id": "3319814642761637952", "revision": "7", "raft_term": "2"}
DIGEST = "a" * 64
LIMITS = {"memory_mib": 128, "timeout_ms": 3000, "concurrency": 1, "warm_min": 0, "warm_max": 4, "max_payload_bytes": 65536,
          "cold_cost_ms": 0}
RECORD = {"format": 1, "by": "pop-1", "function": {
    "name": "hello", "limits": LIMITS, "place": "auto", "retry": "unstarted", "regions": [], "current": DIGEST,
    "versions": [DIGEST], "aliases": {"stable": DIGEST}}}
MEMBER = {"format": 1, "management": "10.0.0.1:4601", "boot_id": "0123456789abcdef", "version": "0.1.0"}


def pair(key, value, revision):
    one = {"key": base64.b64encode(key.encode()).decode(), "mod_revision": str(revision)}
    if value is not None:
        one["value"] = base64.b64encode((value if isinstance(value, str) else json.dumps(value)).encode()).decode()
    return one


def seeds():
    """(name, bytes), of each."""
    pairs = [pair("/s/fleet", "0123456789abcdef" * 2, 2), pair("/s/functions/hello", RECORD, 3),
             pair("/s/members/pop-1", MEMBER, 4), pair("/s/deploying/hello", "pop-1", 5)]
    lines = [{"result": {"header": HEADER, "created": True}},
             {"result": {"header": HEADER, "events": [{"kv": each} for each in pairs]}},
             {"result": {"header": HEADER, "events": [{"type": "DELETE", "kv": pair("/s/functions/hello", None, 6)}]}},
             {"result": {"header": HEADER, "canceled": True, "compact_revision": "3"}},
             {"error": {"grpc_code": 14, "http_code": 503, "message": "etcdserver: no leader"}}]
    answers = {
        "range": (0, {"header": HEADER, "kvs": pairs, "more": True, "count": "9"}),
        "transaction": (2, {"header": HEADER, "succeeded": True, "responses": [{"response_put": {"header": HEADER}}]}),
        "lease": (3, {"header": HEADER, "ID": "2324035697223215625", "TTL": "5"}),
        "lease_over": (3, {"result": {"header": HEADER, "ID": "123"}}),
        "token": (4, {"header": HEADER, "token": "abcdef.17"}),
        "refusal": (5, {"error": "etcdserver: permission denied", "message": "etcdserver: permission denied", "code": 7}),
        "record": (6, RECORD), "member": (6, MEMBER)}
    found = {name: bytes([kind]) + json.dumps(value).encode() for name, (kind, value) in answers.items()}
    found["watch"] = b"\1" + "\n".join(map(json.dumps, lines)).encode()
    found["base64"] = b"\7Zm9vYg=="
    return list(found.items())
