#!/usr/bin/python3
"""OUTCOMES [COUNT [SEED]]: requests signed by botocore, AWS's own signer, are taken; with any byte changed they are not.

Run by the interpreter that Debian's python3-botocore belongs to."""
import datetime
import json
import random
import subprocess
import sys
from urllib.parse import quote, urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"
VISIBLE = [chr(c) for c in range(0x21, 0x7F)]


class Clock(datetime.datetime):
    """What the signer believes is now."""
    at = 0

    @classmethod
    def utcnow(cls):
        return datetime.datetime.fromtimestamp(cls.at, datetime.timezone.utc).replace(tzinfo=None)

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(cls.at, tz or datetime.timezone.utc)


def text(source, alphabet, most):
    return "".join(source.choice(alphabet) for _ in range(source.randint(0, most)))


def path_of(source):
    parts = ["2015-03-31", "functions", quote(text(source, VISIBLE + ["ü", "ሴ", " "], 12), safe=source.choice(["", "$:", ":"])),
             "invocations"]
    for _ in range(source.choice([0, 0, 0, 1, 3])):
        parts.insert(source.randint(0, len(parts)), source.choice(["", ".", "..", "a b".replace(" ", "%20"), "~x"]))
    return "/" + "/".join(parts)


def query_of(source):
    pairs = [quote(text(source, VISIBLE + ["é", " "], 6), safe="-_.~") + "=" + quote(text(source, VISIBLE + ["é", " "], 6), safe="-_.~")
             for _ in range(source.choice([0, 0, 1, 1, 2, 5]))]
    return "&".join(pairs)


def headers_of(source):
    headers = {"Content-Type": "application/json"} if source.random() < 0.7 else {}
    for _ in range(source.randint(0, 5)):
        headers[source.choice(["X-Amz-", "x-", ""]) + "h" + text(source, NAME, 10)] = " ".join(
            text(source, VISIBLE, 8) for _ in range(source.randint(1, 4))) + source.choice(["", "  x", " \t y"])
    if source.random() < 0.3:
        headers["User-Agent"] = "never signed"
    return headers


def signed(source):
    Clock.at = source.randint(0, 4_000_000_000)
    query = query_of(source)
    body = source.randbytes(source.choice([0, 1, 2, 63, 64, 65, 500]))
    url = "http://pop.example:8080" + path_of(source) + ("?" + query if query else "")
    request = AWSRequest(source.choice(["POST", "GET", "PUT"]), url, headers_of(source), body)
    if source.random() < 0.4:
        import hashlib
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    key = Credentials("AKID" + text(source, NAME[:-1], 16), text(source, VISIBLE, 30) + "0123456789abcdef")
    region = source.choice(["us-east-1", "eu-central-1", "x"])
    botocore.auth.SigV4Auth(key, "lambda", region).add_auth(request)
    parts = urlsplit(url)
    fields = [["Host", parts.netloc]] + [[name, value.strip(" \t")] for name, value in request.headers.items()]
    source.shuffle(fields)
    return {"now": Clock.at + source.randint(-300, 300) if Clock.at > 300 else Clock.at, "id": key.access_key, "secret": key.secret_key,
            "method": request.method, "path": parts.path, "query": parts.query, "fields": fields, "body": body.decode("latin-1")}


def changed(source, request):
    """Another request: one character of what is signed is another one."""
    request = json.loads(json.dumps(request))
    where = source.choice(["method", "path", "query", "body", "secret", "field"])
    if where == "field":
        fields = [field for field in request["fields"] if field[0] not in ("User-Agent",) and field[1]]
        holder, key = source.choice(fields), 1
    else:
        holder, key = request, where
    old = holder[key]
    if not old:
        holder[key] = "x"
        return request
    at = source.randrange(len(old))
    holder[key] = old[:at] + chr(ord(old[at]) ^ source.choice([1, 2, 4, 8, 16, 64])) + old[at + 1:]
    return request


def same_to_a_signer(one, other):
    """A change that a canonical request does not show: of white space, of escapes that stand for the same, of dot segments."""
    return (botocore.auth.normalize_url_path(one["path"]) == botocore.auth.normalize_url_path(other["path"])
            and [[n, " ".join(v.split())] for n, v in one["fields"]] == [[n, " ".join(v.split())] for n, v in other["fields"]]
            and sorted(one["query"].lower().split("&")) == sorted(other["query"].lower().split("&"))
            and all(one[key] == other[key] for key in ("method", "body", "secret")))


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    source = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    botocore.auth.datetime.datetime = Clock
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = Clock.utcnow
    good = [signed(source) for _ in range(count)]
    bad = [changed(source, request) for request in good]
    lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in good + bad) + "\n"
    done = subprocess.run([sys.argv[1]], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    verdicts = [int(line) for line in done.stdout.split()]
    assert len(verdicts) == 2 * count, len(verdicts)
    wrong = [request for request, verdict in zip(good, verdicts) if verdict != 0]
    taken = [(one, other) for one, other, verdict in zip(good, bad, verdicts[count:]) if verdict == 0 and not same_to_a_signer(one, other)]
    for each in wrong[:3] + taken[:3]:
        print(json.dumps(each, indent=1, ensure_ascii=False))
    print(f"{count} signed by botocore {botocore.__version__}: {len(wrong)} refused; changed: {len(taken)} taken")
    return 1 if wrong or taken else 0


if __name__ == "__main__":
    sys.exit(main())
