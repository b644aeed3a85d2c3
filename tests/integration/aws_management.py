"""Functions managed by AWS's own clients, unmodified, in the client's namespace: the command line once with each kind of call, JavaScript's,
and boto3 with each thing that can be wrong."""
import base64
import concurrent.futures
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import rig
import tap
from tap import equal, eventually

HERE = pathlib.Path(__file__).resolve().parent
KEYS = {"manager": ["AKIDMANAGER00000000A", "the/managers+secret=of:forty:letters:001"],
        "invoker": ["AKIDINVOKER00000000B", "the/invokers+secret=of:forty:letters:002"],
        "narrow": ["AKIDNARROW000000000C", "the/narrowone+secret=of:forty:letters:03"]}
ALL = [("manager", 'functions = ["*"]\nmanage = true'), ("invoker", 'functions = ["*"]'), ("narrow", 'functions = ["calls-b"]\nmanage = true')]
PORT = 4602
ROLE = "arn:aws:iam::000000000000:role/skerry"


class Keys:
    """The end of the POP's configuration, and the files of the secrets."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-keys-")
        self.text = pathlib.Path(self.folder.name) / "more.toml"

    def write(self, plan):
        lines = [f'[lambda_api]\nlisten = "{plan.management("pop")}:{PORT}"']
        for name, more in ALL:
            secret = pathlib.Path(self.folder.name) / name
            secret.touch(0o600)
            secret.write_text(KEYS[name][1])
            lines.append(f'[[access_key]]\nid = "{KEYS[name][0]}"\nsecret_file = "{secret}"\n{more}')
        self.text.write_text("\n" + "\n".join(lines) + "\n")


def url(lab):
    return f"http://{lab.plan.management('pop')}:{PORT}"


def aws(lab, *words, who="manager", where=None):
    """AWS's command-line client."""
    return lab.run("env", "HOME=/nonexistent", f"AWS_ACCESS_KEY_ID={KEYS[who][0]}", f"AWS_SECRET_ACCESS_KEY={KEYS[who][1]}",
                   "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "/usr/bin/aws", "--endpoint-url", where or url(lab),
                   "lambda", *words)


def said(lab, *words, **more):
    done = aws(lab, *words, **more)
    equal(done.returncode, 0, f"{words}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def together(*calls):
    """Calls that don't wait for each other: of a client that takes a second to start."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def code(text, name="app.py"):
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, text)
    return out.getvalue()


def a_zip(lab, *what):
    path = lab.new_folder() / "function.zip"
    path.write_bytes(code(*what))
    return path


class Boto3:
    """See boto3_lines.py."""

    def __init__(self, lab):
        self.lab = lab
        self.process = subprocess.Popen(["ip", "netns", "exec", lab.plan.namespace("client"), "/usr/bin/python3", HERE / "boto3_lines.py"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def tried(self, call, **arguments):
        return self.ask(url=url(self.lab), key=KEYS["manager"], call=call, **{"with": arguments})

    def __call__(self, call, **arguments):
        told = self.tried(call, **arguments)
        assert "error" not in told, f"{call} {arguments}: {told['error']}"
        return told["answer"]

    def refused(self, call, **arguments):
        """The exception."""
        return self.tried(call, **arguments).get("error", ["none"])[0]

    def create(self, name, text):
        return self("create_function", FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handle",
                    Code={"ZipFile": base64.b64encode(code(text)).decode()})

    def counted(self, name, qualifier, times, at_once=False):
        """What invocations by the packet path came to."""
        more = {"Qualifier": qualifier} if qualifier else {}
        return self.ask(url=self.lab.plan.pop_url(), key=KEYS["invoker"], times=times, at_once=at_once,
                        **{"with": {"FunctionName": name, "Payload": "{}", **more}})["answer"]


COUNTS = """runs = 0
def handle(event, context):
    global runs
    runs += 1
    print("it speaks")
    return {"version": %d, "runs": runs}
"""


def test_the_command_line(lab):
    name = ("--function-name", "hello")

    def invoked(*words):
        out = lab.new_folder() / "out"
        told = said(lab, "invoke", *name, "--cli-binary-format", "raw-in-base64-out", "--payload", "{}", *words, out,
                    where=lab.plan.pop_url(), who="invoker")
        return out.read_text(), told

    made = said(lab, "create-function", *name, "--runtime", "python3.11", "--role", ROLE, "--handler", "app.handle",
                "--zip-file", f"fileb://{a_zip(lab, COUNTS % 1)}")
    equal((made["State"], made["Version"], made["FunctionArn"]), ("Active", "$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:hello"))
    _, (payload, told), dry = together(lambda: said(lab, "wait", "function-active-v2", *name), lambda: invoked("--log-type", "Tail"),
                                       lambda: invoked("--invocation-type", "DryRun")[1])
    equal((json.loads(payload)["version"], told["StatusCode"], told["ExecutedVersion"]), (1, 200, "$LATEST"))
    tail = base64.b64decode(told["LogResult"]).decode()
    assert "START RequestId: " in tail and "it speaks" in tail and "REPORT RequestId: " in tail, tail
    equal(dry["StatusCode"], 204)
    published, (_, event) = together(lambda: said(lab, "publish-version", *name), lambda: invoked("--invocation-type", "Event"))
    equal((published["Version"], event["StatusCode"]), ("1", 202))
    eventually(lambda: sum(lab.reasons()[each] for each in ("served_local", "served_region")) == 2, "the event is executed")
    changed = said(lab, "update-function-code", *name, "--zip-file", f"fileb://{a_zip(lab, COUNTS % 2)}", "--publish")
    equal(changed["Version"], "2")
    alias, limited, got = together(lambda: said(lab, "create-alias", *name, "--name", "live", "--function-version", "1"),
                                   lambda: said(lab, "put-function-concurrency", *name, "--reserved-concurrent-executions", "7"),
                                   lambda: said(lab, "get-function", *name))
    equal((alias["FunctionVersion"], limited), ("1", {"ReservedConcurrentExecutions": 7}))
    equal(got["Configuration"]["CodeSha256"], changed["CodeSha256"])
    shared, listed, denied = together(
        lambda: said(lab, "update-alias", *name, "--name", "live", "--routing-config", "AdditionalVersionWeights={2=0.25}"),
        lambda: said(lab, "list-functions"), lambda: aws(lab, "delete-function", *name, who="invoker"))
    equal(shared["RoutingConfig"], {"AdditionalVersionWeights": {"2": 0.25}})
    equal([each["FunctionName"] for each in listed["Functions"]], ["hello"])
    assert denied.returncode == 254 and "AccessDeniedException" in denied.stderr, denied.stderr


# skerryctl has the same catalog.
def test_the_same_functions_by_skerryctl(lab):
    seen = lab.ctl("function", "describe", "hello")
    equal([each["number"] for each in seen["published"]], [1, 2])
    equal((seen["runtime"], seen["handler"], seen["reserved"]), ("python3", "app.handle", 7))
    equal((seen["splits"]["live"]["number"], seen["splits"]["live"]["part"]), (2, 0.25))


def test_a_canary(lab):
    boto3 = lab.boto3
    shares = boto3.counted("hello", "live", 100)
    assert set(shares) == {"1", "2"} and 8 <= shares["2"] <= 46, shares
    equal(boto3.counted("hello", "2", 3), {"2": 3})
    equal(boto3.counted("hello", "", 3), {"$LATEST": 3})
    alias = {"FunctionName": "hello", "Name": "live"}
    stale = boto3("get_alias", **alias)["RevisionId"]
    moved = boto3("update_alias", **alias, FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}}, RevisionId=stale)
    equal(boto3.refused("update_alias", **alias, FunctionVersion="1", RevisionId=stale), "PreconditionFailedException")
    equal(boto3.counted("hello", "live", 20), {"2": 20})
    boto3("update_alias", **alias, FunctionVersion="1", RevisionId=moved["RevisionId"])
    equal(boto3.counted("hello", "live", 20), {"1": 20})
    equal([each["Name"] for each in boto3("list_aliases", FunctionName="hello")["Aliases"]], ["live"])
    equal(boto3.refused("delete_function", FunctionName="hello", Qualifier="1"), "ResourceConflictException")
    boto3("delete_alias", **alias)
    equal(boto3.refused("get_alias", **alias), "ResourceNotFoundException")


def test_reserved_concurrency(lab):
    boto3 = lab.boto3
    boto3.create("slow", "import time\ndef handle(event, context):\n    time.sleep(0.4)\n")
    throttled = "429 TooManyRequestsException ReservedFunctionConcurrentInvocationLimitExceeded"
    limit = boto3("put_function_concurrency", FunctionName="slow", ReservedConcurrentExecutions=0)
    equal(limit["ReservedConcurrentExecutions"], 0)
    equal(boto3.counted("slow", "", 3), {throttled: 3})
    boto3("put_function_concurrency", FunctionName="slow", ReservedConcurrentExecutions=2)
    equal(boto3("get_function_concurrency", FunctionName="slow")["ReservedConcurrentExecutions"], 2)
    equal(boto3.counted("slow", "", 5, at_once=True), {"$LATEST": 2, throttled: 3})
    equal(boto3.counted("slow", "", 2, at_once=True), {"$LATEST": 2}, "what has ended gave its place back")
    equal(lab.reasons()["refused_reserved"], 6)
    boto3("delete_function_concurrency", FunctionName="slow")
    equal(boto3.counted("slow", "", 4, at_once=True), {"$LATEST": 4})
    boto3("delete_function", FunctionName="slow")


# A deploy by skerryctl is a new $LATEST.
def test_functions_of_skerryctl(lab):
    lab.deploy("other", "echo")
    configured = lab.boto3("get_function_configuration", FunctionName="other")
    equal((configured["Runtime"], configured["Version"]), ("native", "$LATEST"))
    equal(lab.boto3("publish_version", FunctionName="other")["Version"], "1")


def test_the_javascript_client(lab):
    cache = os.environ.get("SKERRY_NPM_CACHE", lab.plan.build / "npm")
    had = subprocess.run([HERE.parent / "runtime/npm-install", "client-lambda", cache], text=True, capture_output=True, check=False)
    if had.returncode != 0:
        raise tap.Skip(had.stderr.strip())
    handler = a_zip(lab, "exports.handle = async () => process.env.WHO ?? 'first';", "app.js")
    done = lab.run("node", HERE / "management_calls.mjs", had.stdout.strip(), url(lab), lab.plan.pop_url(), *KEYS["manager"], handler)
    equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    equal((found["made"], found["waited"]), (["Active", "$LATEST"], "SUCCESS"))
    equal((found["published"], found["second"], found["published2"], found["alias"]), ("1", "second", "2", ["1", 0.5]))
    equal(set(found["shares"]), {'1 "first"', '2 "second"'})
    equal((found["again"], found["deleted"]), ([True, 409], 204))


def test_boto3(lab):
    done = lab.run("/usr/bin/python3", HERE / "management_calls.py", url(lab), json.dumps(KEYS))
    equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:calls"
    equal(found["made"], {"FunctionName": "calls", "FunctionArn": arn, "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handle",
                          "Timeout": 5, "MemorySize": 192, "Version": "$LATEST", "State": "Active", "LastUpdateStatus": "Successful",
                          "PackageType": "Zip", "Environment": {"Variables": {"A": "1", "B": "zwei"}}, "Description": "of a test"})
    equal((found["made status"], found["made size"]), (201, True))
    equal((found["published"], found["published again"]), (["1", arn + ":1", "the first"], "1"))
    equal(found["second"], ["2", arn + ":2"])
    equal(found["configured"], [7, "changed", {"A": "2"}, "python3.11", "$LATEST"])
    equal(found["first still"], {"A": "1", "B": "zwei"})
    equal(found["versions"], ["$LATEST", "1", "2"])
    equal(found["pages"], [["calls"], ["calls-b"], ["calls-c"], ["hello"], ["other"]])
    equal(found["all versions"], ["calls:$LATEST", "calls:1", "calls:2", "calls-b:$LATEST", "calls-c:$LATEST", "calls-c:1", "hello:$LATEST",
                                  "hello:1", "hello:2", "other:$LATEST", "other:1"])
    equal(found["other key's list"], ["calls-b"])
    equal((found["left"], found["versions left"]), (["calls", "calls-b", "calls-c", "hello", "other"], ["$LATEST", "2"]))
    equal((found["deleted version"], found["deleted"]), (204, [204, 204]))
    wrong_things(found)


def wrong_things(found):
    modelled = {"ResourceConflictException": 409, "ResourceNotFoundException": 404, "PreconditionFailedException": 412,
                "InvalidParameterValueException": 400, "InvalidZipFileException": 400}
    table = {"again": "ResourceConflictException", "nobody": "ResourceNotFoundException", "nobody's version": "ResourceNotFoundException",
             "nobody's code": "ResourceNotFoundException", "nobody deleted": "ResourceNotFoundException",
             "revision": "PreconditionFailedException", "revision of configuration": "PreconditionFailedException",
             "revision of publish": "PreconditionFailedException"}
    table.update({name: "InvalidParameterValueException" for name in
                  ("hash", "latest deleted", "name", "runtime", "handler", "timeout", "memory", "environment", "VpcConfig", "Layers",
                   "FileSystemConfigs", "ImageUri", "S3Bucket", "Architectures")})
    table.update({name: "InvalidZipFileException" for name in
                  ("no such file", "no zip", "half a zip", "traversal", "absolute", "link", "bomb", "twice", "many")})
    for name, kind in table.items():
        equal(found[name][:3], [kind, modelled[kind], kind], f"{name}: {found[name]}")
    for name in ("VpcConfig", "Layers", "FileSystemConfigs", "S3Bucket", "Architectures"):
        assert name in found[name][3], found[name]
    for name, kind in (("not a manager", "AccessDeniedException"), ("another's", "AccessDeniedException"),
                       ("another's, deleted", "AccessDeniedException"), ("forged", "InvalidSignatureException"),
                       ("unknown", "UnrecognizedClientException")):
        equal(found[name][:3], ["ClientError", 403, kind], f"{name}: {found[name]}")


def test_nobody_unsigned(lab):
    done = lab.run("curl", "-sS", "-i", url(lab) + "/2015-03-31/functions/")
    assert "403 Forbidden" in done.stdout and "MissingAuthenticationTokenException" in done.stdout, done.stdout


def test_what_is_kept_after_a_start(lab):
    version = {"FunctionName": "hello", "Qualifier": "1"}

    def kept():
        return {**lab.boto3("get_function", **version), "ResponseMetadata": None}
    before = kept()
    lab.lab("kill", "pop")
    lab.lab("start", "pop")
    lab.boto3 = Boto3(lab)  # the other would use a connection that the POP before had
    equal(kept(), before)
    equal(lab.boto3.counted("hello", "1", 1), {"1": 1})
    said(lab, "delete-function", "--function-name", "hello")
    equal(lab.boto3.refused("get_function", **version), "ResourceNotFoundException")


if __name__ == "__main__":
    keys = Keys()
    the_lab = rig.Rig(sys.argv[1], "m", regions=1, settings=["require_signature=true", f"more={keys.text}"])
    keys.write(the_lab.plan)
    with the_lab:
        the_lab.boto3 = Boto3(the_lab)
        sys.exit(tap.run(sys.modules[__name__], the_lab))
