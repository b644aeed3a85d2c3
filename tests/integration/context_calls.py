"""URL CONTEXT FUNCTION…: calls of AWS's client for Python with a client context, and Event invocations of the same, and what is refused; what was told, as JSON."""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, context, *functions = sys.argv[1:]
TRACE = "Root=1-58406520-a006649127e371903a2de979;Parent=00f067aa0ba902b7"
client = boto3.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y",
                      config=Config(retries={"max_attempts": 1}, read_timeout=20))


def traced(request, **_):
    request.headers["X-Amzn-Trace-Id"] = TRACE


def ask(**more):
    try:
        answer = client.invoke(**more)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
    text = answer["Payload"].read().decode()
    return {"status": answer["StatusCode"], "said": json.loads(text) if text else None,
            "trace": answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-trace-id"),
            "decision": answer["ResponseMetadata"]["HTTPHeaders"].get("x-skerry-decision")}


event = json.dumps({"do": "context"})
told = {each: {"without": ask(FunctionName=each, Payload=event), "with": ask(FunctionName=each, Payload=event, ClientContext=context),
               "large": ask(FunctionName=each, Payload=json.dumps({"do": "context", "fill": "x" * 50_000}), ClientContext=context),
               "no json": ask(FunctionName=each, Payload='{"do": "context"'),
               "no json, later": ask(FunctionName=each, Payload="{'do'}", InvocationType="Event"),
               "no base64": ask(FunctionName=each, Payload=event, ClientContext="{}"),
               "too long": ask(FunctionName=each, Payload=event, ClientContext="e30" + "=" * 3581)} for each in functions}
client.meta.events.register("before-send.lambda.Invoke", traced)
for each in functions:
    told[each]["traced"] = ask(FunctionName=each, Payload=event)
    told[each]["later"] = ask(FunctionName=each, Payload=json.dumps({"do": "context", "say": True}), ClientContext=context, InvocationType="Event")
print(json.dumps(told))
