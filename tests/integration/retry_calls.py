"""URL FUNCTION PAYLOAD: one call of AWS's client for Python, which tries again by itself; what it was told, as JSON."""
import json
import sys
import time

import boto3
from botocore.config import Config

url, function, payload = sys.argv[1:4]
ids = []
client = boto3.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y",
                      config=Config(retries={"max_attempts": 12, "mode": "standard"}, connect_timeout=1, read_timeout=1))
client.meta.events.register("before-send.lambda.Invoke",
                            lambda request, **_: ids.append(request.headers["amz-sdk-invocation-id"].decode()))
began = time.monotonic()
answer = client.invoke(FunctionName=function, Payload=payload)
told = answer["ResponseMetadata"]
print(json.dumps({"status": answer["StatusCode"], "body": answer["Payload"].read().decode(), "tries": len(ids), "ids": len(set(ids)),
                  "request_id": told["RequestId"], "decision": told["HTTPHeaders"]["x-skerry-decision"],
                  "seconds": time.monotonic() - began}))
