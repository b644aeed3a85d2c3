"""URL KEYS: calls of AWS's client for Python with different keys, and the exceptions it makes of the answers, as JSON. Run by
/usr/bin/python3 in the client's namespace. KEYS: a JSON object, name: [id, secret]."""
import datetime
import io
import json
import sys

import boto3
import botocore.auth
from botocore.config import Config
from botocore.exceptions import ClientError

keys = json.loads(sys.argv[2])
found = {}
REAL = botocore.auth.datetime.datetime


class Skewed(REAL):
    """A client whose clock is wrong by so many seconds."""
    by_s = 0

    @classmethod
    def utcnow(cls):
        return REAL.utcnow() + datetime.timedelta(seconds=cls.by_s)


def client(name, region="us-east-1", token=None):
    return boto3.client("lambda", endpoint_url=sys.argv[1], region_name=region, aws_access_key_id=keys[name][0],
                        aws_secret_access_key=keys[name][1], aws_session_token=token,
                        config=Config(retries={"max_attempts": 1}, read_timeout=30))


def invoke(name, who, function="echo", payload='{"a": 1}', **more):
    try:
        answer = who.invoke(FunctionName=function, Payload=payload, **more)
        found[name] = [answer["StatusCode"], answer["Payload"].read().decode()[:40]]
    except ClientError as error:
        found[name] = [type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]]


for who in keys:
    invoke(who, client(who))
alice = client("alice")
invoke("no body", alice, payload="")
invoke("large", alice, payload=b"x" * 300_000)
invoke("file", alice, payload=io.BytesIO(b"f" * 100_000))
invoke("qualifier", alice, function="arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST")
invoke("dry run", alice, InvocationType="DryRun")
invoke("nobody", alice, function="nobody")
invoke("region", client("alice", region="eu-central-1"))
invoke("session", client("alice", token="of a session"))
invoke("denied", client("bob"), function="another")
keys["forger"] = [keys["alice"][0], "the/secret+of:somebody:else:000000000005"]
invoke("another secret", client("forger"))
invoke("too large", alice, payload=b"x" * 1_000_001)
invoke("too large for all", alice, payload=b"x" * 6_291_457)
invoke("event too large", alice, payload=b"x" * 1_048_577, InvocationType="Event")
invoke("two qualifiers", alice, function="echo:one", Qualifier="two")
invoke("no such alias", alice, Qualifier="nobody")
invoke("no context", alice, ClientContext="{}")
invoke("long context", alice, ClientContext="e30" + "=" * 3581)
invoke("context", alice, ClientContext="e30=")
coded = client("alice")
coded.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("Content-Encoding", "gzip"))
invoke("coded", coded)
botocore.auth.datetime.datetime = Skewed
for name, Skewed.by_s in (("4 minutes early", 240), ("6 minutes early", 360), ("4 minutes late", -240), ("6 minutes late", -360)):
    invoke(name, client("alice"))
print(json.dumps(found))
