"""URL: calls of AWS's client for Python, and what it makes of the answers, as JSON. Run by /usr/bin/python3 in the client's namespace."""
import io
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client("lambda", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y",
                      config=Config(retries={"max_attempts": 1}, read_timeout=30))
found = {}


def invoke(name, function, payload, **more):
    try:
        answer = client.invoke(FunctionName=function, Payload=payload, **more)
        body = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            found[name] = [answer["StatusCode"], answer["FunctionError"], json.loads(body)["errorType"]]
        elif "InvocationType" in more:
            found[name] = [answer["StatusCode"], body]
        else:
            found[name] = [answer["StatusCode"], body, bool(answer["ExecutedVersion"] and answer["ResponseMetadata"]["RequestId"])]
    except ClientError as error:
        found[name] = [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"], error.response["Error"]["Message"]]


invoke("echo", "echo", '{"a": 1}')
invoke("file", "echo", io.BytesIO(b"f" * 100_000))  # with Expect: 100-continue
invoke("latest", "arn:aws:lambda:us-east-1:123456789012:function:echo", '"latest"', Qualifier="$LATEST", LogType="Tail")
invoke("dry run", "echo", "{}", InvocationType="DryRun")
invoke("dry run of nobody", "nobody", "{}", InvocationType="DryRun")
invoke("nobody", "nobody", "{}")
invoke("too large", "echo", b"x" * (6 * 1024 * 1024 + 1))
invoke("no such alias", "echo:nobody", "{}")
invoke("event", "echo", "{}", InvocationType="Event")
invoke("failed", "rogue", "hang")
print(json.dumps(found))
