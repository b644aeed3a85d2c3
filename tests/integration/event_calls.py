"""URL FUNCTION PAYLOAD COUNT: Event invocations by AWS's client for Python, and what it was told, as JSON."""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, function, payload, count = sys.argv[1:]
client = boto3.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y",
                      config=Config(retries={"max_attempts": 1}, read_timeout=20))
ids, statuses, bodies, errors = [], set(), set(), set()
for _ in range(int(count)):
    try:
        answer = client.invoke(FunctionName=function, Payload=payload, InvocationType="Event")
        ids.append(answer["ResponseMetadata"]["RequestId"])
        statuses.add(answer["StatusCode"])
        bodies.add(answer["Payload"].read().decode())
    except ClientError as error:
        errors.add(error.response["Error"]["Code"])
print(json.dumps({"ids": ids, "statuses": sorted(statuses), "bodies": sorted(bodies), "errors": sorted(errors)}))
