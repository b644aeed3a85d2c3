"""Invocations that must be signed: AWS's own clients, unmodified, in the client's namespace, with right and wrong keys."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import rig
import tap
from tap import equal, eventually

HERE = pathlib.Path(__file__).resolve().parent
KEYS = {"alice": ["AKIDALICE0000000000A", "alice's/secret+of=forty:characters:00001".replace("'", "")],
        "bob": ["AKIDBOB000000000000B", "bob:has/another+secret=of:forty:chars:002"],
        "retired": ["AKIDRETIRED00000000C", "the/one+that=was:used:last:year:00000003"],
        "past": ["AKIDPAST00000000000D", "the/one+that=was:for:the:last:week:000004"]}
INVOKE = "/2015-03-31/functions/{}/invocations"


class Keys:
    """The part of the POP's configuration that says who may invoke what, and the files of the secrets."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="skerry-keys-")
        self.text = pathlib.Path(self.folder.name) / "more.toml"

    def write(self, *keys):
        lines = []
        for name, more in keys:
            secret = pathlib.Path(self.folder.name) / name
            secret.touch(0o600)
            secret.write_text(KEYS[name][1] + "\n")
            lines.append(f'[[access_key]]\nid = "{KEYS[name][0]}"\nsecret_file = "{secret}"\n{more}\n')
        self.text.write_text("\n" + "\n".join(lines))


ALL = [("alice", 'functions = ["*"]'), ("bob", 'functions = ["echo", "team-*"]'),
       ("retired", 'functions = ["*"]\nstatus = "retired"'), ("past", 'functions = ["*"]\nnot_after = 2020-01-31T00:00:00+01:00')]
keys = Keys()


def calls(lab):
    done = lab.run("/usr/bin/python3", HERE / "signed_calls.py", lab.plan.pop_url(), json.dumps(KEYS))
    equal(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


def cli(lab, who, *words):
    """AWS's command-line client: exit code, and what it said."""
    out = lab.new_folder() / "out"
    done = lab.run("env", f"HOME={out.parent}", f"AWS_ACCESS_KEY_ID={KEYS[who][0]}", f"AWS_SECRET_ACCESS_KEY={KEYS[who][1]}",
                   "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "/usr/bin/aws", "--endpoint-url", lab.plan.pop_url(), "lambda",
                   "invoke", "--cli-binary-format", "raw-in-base64-out", *words, out)
    return done.returncode, done.stdout + done.stderr, out.read_text() if out.exists() else ""


def test_boto3(lab):
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1", "--max-payload-bytes", "1000000")
    found = calls(lab)
    good = [200, '{"a": 1}']
    for name in ("alice", "bob", "qualifier", "region", "4 minutes early", "4 minutes late"):
        equal(found[name], good, name)
    equal(found["no body"], [200, "{}"])
    equal(found["large"], [200, "x" * 40])
    equal(found["file"], [200, "f" * 40])
    equal(found["dry run"], [204, ""])
    unknown, expired = ["ClientError", 403, "UnrecognizedClientException"], ["ClientError", 403, "ExpiredTokenException"]
    skewed = ["ClientError", 403, "InvalidSignatureException"]
    equal(found["nobody"], ["ResourceNotFoundException", 404, "ResourceNotFoundException"])
    equal(found["retired"], unknown)
    equal(found["session"], unknown)
    equal(found["past"], expired)
    equal(found["denied"], ["ClientError", 403, "AccessDeniedException"])
    equal(found["another secret"], skewed)
    # Each is a class of its own to the client, by its name in the service's model.
    for name, status, kind in (("too large", 413, "RequestTooLargeException"), ("too large for all", 413, "RequestTooLargeException"),
                               ("event too large", 413, "RequestTooLargeException"), ("two qualifiers", 400, "InvalidParameterValueException"),
                               ("no such alias", 404, "ResourceNotFoundException"), ("no context", 400, "InvalidRequestContentException"),
                               ("long context", 400, "InvalidRequestContentException"), ("coded", 415, "UnsupportedMediaTypeException")):
        equal(found[name], [kind, status, kind], name)
    equal(found["context"], good, "signed, as all of x-amz-")
    equal(found["6 minutes early"], skewed)
    equal(found["6 minutes late"], skewed)


def test_the_command_line_client(lab):
    code, said, payload = cli(lab, "alice", "--function-name", "echo", "--payload", '{"a": 2}')
    equal((code, payload), (0, '{"a": 2}'), said)
    equal(json.loads(said)["StatusCode"], 200)
    code, said, _ = cli(lab, "bob", "--function-name", "another", "--payload", "{}")
    assert code == 254 and "AccessDeniedException" in said, said
    code, said, _ = cli(lab, "retired", "--function-name", "echo", "--payload", "{}")
    assert code == 254 and "UnrecognizedClientException" in said, said


def test_nobody_unsigned(lab):
    url = lab.plan.pop_url()
    done = lab.run("curl", "-sS", "-i", "-d", "{}", url + INVOKE.format("echo"))
    assert "403 Forbidden" in done.stdout and "x-amzn-ErrorType: MissingAuthenticationTokenException" in done.stdout, done.stdout
    for path in ("/healthz", "/readyz"):
        equal(lab.run("curl", "-sS", url + path).stdout, "ok\n")


# curl signs, too, and it is nobody's SDK.
def test_curl(lab):
    def curl(who, secret=None):
        done = lab.run("curl", "-sS", "--aws-sigv4", "aws:amz:us-east-1:lambda", "--user", f"{KEYS[who][0]}:{secret or KEYS[who][1]}",
                       "-H", "Content-Type: application/json", "-d", '{"a": 3}', lab.plan.pop_url() + INVOKE.format("echo"))
        return done.stdout
    equal(curl("alice"), '{"a": 3}')
    assert "does not match the signature" in curl("alice", "not the secret of anybody"), "a wrong secret"


def test_the_javascript_client(lab):
    cache = os.environ.get("SKERRY_NPM_CACHE", lab.plan.build / "npm")
    had = subprocess.run([HERE.parent / "runtime/npm-install", "client-lambda", cache], text=True, capture_output=True, check=False)
    if had.returncode != 0:
        raise tap.Skip(had.stderr.strip())
    done = lab.run("node", HERE / "signed_calls.mjs", had.stdout.strip(), lab.plan.pop_url(), json.dumps(KEYS))
    equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    equal((found["alice"], found["bob"], found["qualifier"]), ([200, '{"a": 1}'],) * 3)
    equal((found["retired"], found["past"]), (["UnrecognizedClientException", 403], ["ExpiredTokenException", 403]))
    equal((found["denied"], found["nobody"]), (["AccessDeniedException", 403], ["ResourceNotFoundException", 404]))
    equal(found["late"], ["InvalidSignatureException", 403])


def test_keys_change_without_a_start(lab):
    listed = lab.ctl("key", "list")["access_keys"]
    equal([key["id"] for key in listed], [KEYS[name][0] for name, _ in ALL])
    assert KEYS["alice"][1] not in json.dumps(listed)
    before = lab.ctl("status")["boot_id"]
    config = lab.plan.dir / "pop.toml"
    text = config.read_text()
    head = text[:text.index("[[access_key]]")]
    keys.write(("bob", 'functions = ["*"]'))
    config.write_text(head + keys.text.read_text())
    equal([key["id"] for key in lab.ctl("key", "reload")["access_keys"]], [KEYS["bob"][0]])
    found = calls(lab)
    equal((found["alice"][2], found["bob"]), ("UnrecognizedClientException", [200, '{"a": 1}']))
    # Two at once, by a signal; then a file that others may read changes nothing.
    keys.write(("alice", 'functions = ["*"]'), ("bob", 'functions = ["*"]'))
    config.write_text(head + keys.text.read_text())
    os.kill(lab.ctl("status")["pid"], signal.SIGHUP)
    eventually(lambda: len(lab.ctl("key", "list")["access_keys"]) == 2, "the keys are read again")
    found = calls(lab)
    equal((found["alice"], found["bob"]), ([200, '{"a": 1}'], [200, '{"a": 1}']))
    (pathlib.Path(keys.folder.name) / "bob").chmod(0o644)
    refused = lab.ctl("key", "reload", check=False)
    equal(refused.returncode, 1, refused.stdout)
    assert "chmod 600" in refused.stderr and KEYS["bob"][1] not in refused.stderr, refused.stderr
    equal(cli(lab, "bob", "--function-name", "echo", "--payload", "{}")[0], 0)
    equal(lab.ctl("status")["boot_id"], before)


def test_secrets_are_nowhere(lab):
    for path in lab.plan.dir.rglob("*"):
        if path.is_file() and path.stat().st_size < 10_000_000:
            content = path.read_bytes()
            for name, (_, secret) in KEYS.items():
                assert secret.encode() not in content, f"{name}'s secret is in {path}"


if __name__ == "__main__":
    keys.write(*ALL)
    with rig.Rig(sys.argv[1], "q", regions=1, settings=["require_signature=true", f"more={keys.text}"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
