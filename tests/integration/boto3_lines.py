"""AWS's client for Python, for who runs elsewhere: a JSON object a line comes in, {"url", "key": [id, secret], "call", "with": {…}}, and what
the call came to goes out: {"answer"}, or {"error": [exception, status, code, message]}. With "times": so many of an invocation, one after
the other or ("at_once") all together, and how many came to what: the version that was executed, or status, exception and reason."""
import base64
import collections
import concurrent.futures
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

session = boto3.session.Session()
clients = {}


def client(url, key):
    if (url, *key) not in clients:
        clients[(url, *key)] = session.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key[0],
                                              aws_secret_access_key=key[1],
                                              config=Config(retries={"max_attempts": 0}, max_pool_connections=16, read_timeout=50))
    return clients[(url, *key)]


def plain(value):
    return value.read().decode() if isinstance(value, StreamingBody) else str(value)


def once(lambda_, call, arguments):
    if "ZipFile" in arguments:
        arguments["ZipFile"] = base64.b64decode(arguments["ZipFile"])
    if "ZipFile" in arguments.get("Code", {}):
        arguments["Code"]["ZipFile"] = base64.b64decode(arguments["Code"]["ZipFile"])
    try:
        return {"answer": getattr(lambda_, call)(**arguments)}
    except ClientError as error:
        told = error.response
        return {"error": [type(error).__name__, told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"], told["Error"]["Message"]]}


def counted(lambda_, arguments, times, at_once):
    def invoke(_):
        try:
            answer = lambda_.invoke(**arguments)
            answer["Payload"].read()
            return answer["ExecutedVersion"]
        except ClientError as error:
            told = error.response
            return f'{told["ResponseMetadata"]["HTTPStatusCode"]} {type(error).__name__} {told.get("Reason")}'

    with concurrent.futures.ThreadPoolExecutor(times if at_once else 1) as pool:
        return {"answer": collections.Counter(pool.map(invoke, range(times)))}


for line in sys.stdin:
    asked = json.loads(line)
    lambda_ = client(asked["url"], asked["key"])
    if "times" in asked:
        out = counted(lambda_, asked["with"], asked["times"], asked["at_once"])
    else:
        out = once(lambda_, asked["call"], asked["with"])
    print(json.dumps(out, default=plain), flush=True)
