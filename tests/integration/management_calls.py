"""URL KEYS: AWS's client for Python manages functions; each thing that is wrong, and the exception that it makes of the
answer, as JSON. Run by /usr/bin/python3 in the POP's namespace. KEYS: a JSON object, name: [id, secret]."""
import base64
import io
import json
import stat
import sys
import zipfile

import boto3
import botocore.exceptions
from botocore.config import Config

keys = json.loads(sys.argv[2])
ROLE = "arn:aws:iam::000000000000:role/skerry"
found = {}


def client(who):
    return boto3.client("lambda", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id=keys[who][0],
                        aws_secret_access_key=keys[who][1], config=Config(retries={"max_attempts": 0}, read_timeout=50))


def packed(*files, link=None):
    """A zip of (name, text)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
        if link is not None:
            entry = zipfile.ZipInfo("link")
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, link)
    return out.getvalue()


def version(n):
    return packed(("app.py", f"def handle(event, context):\n    return {{'code': {n}}}\n"))


def wrong(name, call, *arguments, **more):
    try:
        answer = call(*arguments, **more)
        found[name] = ["no exception", answer["ResponseMetadata"]["HTTPStatusCode"]]
    except botocore.exceptions.ClientError as error:
        found[name] = [type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"],
                       error.response["Error"]["Message"]]


me = client("manager")
GOOD = {"Runtime": "python3.11", "Role": ROLE, "Handler": "app.handle"}


def create(name, zipped=None, who=None, **more):
    arguments = {"FunctionName": name, **GOOD, "Code": {"ZipFile": version(1) if zipped is None else zipped}, **more}
    return (who or me).create_function(**arguments)


made = create("calls", Description="of a test", Timeout=5, MemorySize=192, Environment={"Variables": {"A": "1", "B": "zwei"}})
found["made"] = {key: made[key] for key in ("FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "Timeout", "MemorySize", "Version",
                                            "State", "LastUpdateStatus", "PackageType", "Environment", "Description")}
found["made status"] = made["ResponseMetadata"]["HTTPStatusCode"]
found["made size"] = made["CodeSize"] == len(version(1)) and len(base64.b64decode(made["CodeSha256"])) == 32
for waiter in ("function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"):
    me.get_waiter(waiter).wait(FunctionName="calls", WaiterConfig={"Delay": 1, "MaxAttempts": 3})
first = me.publish_version(FunctionName="calls", Description="the first")
found["published"] = [first["Version"], first["FunctionArn"], first["Description"]]
found["published again"] = me.publish_version(FunctionName="calls")["Version"]
changed = me.update_function_code(FunctionName="calls", ZipFile=version(2), Publish=True, RevisionId=me.get_function_configuration(
    FunctionName="calls")["RevisionId"])
found["second"] = [changed["Version"], changed["FunctionArn"]]
me.get_waiter("published_version_active").wait(FunctionName="calls", Qualifier="2", WaiterConfig={"Delay": 1, "MaxAttempts": 3})
changed = me.update_function_configuration(FunctionName="calls", Timeout=7, Description="changed", Environment={"Variables": {"A": "2"}})
found["configured"] = [changed["Timeout"], changed["Description"], changed["Environment"]["Variables"], changed["Runtime"], changed["Version"]]
found["first still"] = me.get_function(FunctionName="calls", Qualifier="1")["Configuration"]["Environment"]["Variables"]
found["versions"] = [each["Version"] for each in me.list_versions_by_function(FunctionName="calls")["Versions"]]
create("calls-b")
create("calls-c", zipped=version(3), Publish=True)
pages = me.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
found["pages"] = [[each["FunctionName"] for each in page["Functions"]] for page in pages]
found["all versions"] = [f'{each["FunctionName"]}:{each["Version"]}' for page in me.get_paginator("list_functions").paginate(
    FunctionVersion="ALL", PaginationConfig={"PageSize": 2}) for each in page["Functions"]]
found["other key's list"] = [each["FunctionName"] for each in client("narrow").list_functions()["Functions"]]

wrong("again", create, "calls")
wrong("nobody", me.get_function, FunctionName="nobody")
wrong("nobody's version", me.get_function, FunctionName="calls", Qualifier="77")
wrong("nobody's code", me.update_function_code, FunctionName="nobody", ZipFile=version(1))
wrong("nobody deleted", me.delete_function, FunctionName="nobody")
wrong("revision", me.update_function_code, FunctionName="calls", ZipFile=version(3), RevisionId="11111111-2222-3333-4444-555555555555")
wrong("revision of configuration", me.update_function_configuration, FunctionName="calls", Timeout=3, RevisionId="an old one")
wrong("revision of publish", me.publish_version, FunctionName="calls", RevisionId="an old one")
wrong("hash", me.publish_version, FunctionName="calls", CodeSha256="AAAA")
wrong("latest deleted", me.delete_function, FunctionName="calls", Qualifier="$LATEST")
wrong("name", create, "calls.with.dots")
wrong("runtime", create, "calls-x", Runtime="java21")
wrong("handler", create, "calls-x", Handler="nothing")
wrong("no such file", create, "calls-x", Handler="other.handle")
wrong("timeout", create, "calls-x", Timeout=901)
wrong("memory", create, "calls-x", MemorySize=10240)
wrong("environment", create, "calls-x", Environment={"Variables": {"A": "x" * 5000}})
wrong("VpcConfig", create, "calls-x", VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
wrong("Layers", create, "calls-x", Layers=["arn:aws:lambda:us-east-1:000000000000:layer:l:1"])
wrong("FileSystemConfigs", create, "calls-x", FileSystemConfigs=[{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-1234567890abcdef0", "LocalMountPath": "/mnt/a"}])
wrong("ImageUri", me.create_function, FunctionName="calls-x", Role=ROLE, PackageType="Image", Code={"ImageUri": "image"})
wrong("S3Bucket", me.create_function, FunctionName="calls-x", **GOOD, Code={"S3Bucket": "bucket", "S3Key": "key"})
wrong("Architectures", create, "calls-x", Architectures=["arm64"])
wrong("no zip", create, "calls-x", zipped=b"this is no archive")
wrong("half a zip", create, "calls-x", zipped=version(1)[:40])
wrong("traversal", create, "calls-x", zipped=packed(("app.py", "x"), ("../../etc/cron.d/x", "x")))
wrong("absolute", create, "calls-x", zipped=packed(("app.py", "x"), ("/etc/cron.d/x", "x")))
wrong("link", create, "calls-x", zipped=packed(("app.py", "x"), link="../../etc/passwd"))
wrong("bomb", create, "calls-x", zipped=packed(("app.py", "x"), ("zeroes", b"\0" * (300 << 20))))
import warnings  # noqa: E402
warnings.simplefilter("ignore")
wrong("twice", create, "calls-x", zipped=packed(("app.py", "x"), ("app.py", "y")))
wrong("many", create, "calls-x", zipped=packed(*((f"f{i}", "") for i in range(10_001))))
wrong("not a manager", create, "calls-x", who=client("invoker"))
wrong("another's", create, "calls-x", who=client("narrow"))
wrong("another's, deleted", client("narrow").delete_function, FunctionName="calls")
keys["forged"] = [keys["manager"][0], "not the secret of anybody"]
wrong("forged", create, "calls-x", who=client("forged"))
keys["unknown"] = ["AKIDNOBODY", "not the secret of anybody"]
wrong("unknown", client("unknown").list_functions)
found["left"] = [each["FunctionName"] for each in me.list_functions()["Functions"]]
found["deleted version"] = me.delete_function(FunctionName="calls", Qualifier="1")["ResponseMetadata"]["HTTPStatusCode"]
found["versions left"] = [each["Version"] for each in me.list_versions_by_function(FunctionName="calls")["Versions"]]
found["deleted"] = [me.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] for name in ("calls-b", "calls-c")]
print(json.dumps(found))
