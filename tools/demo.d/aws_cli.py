"""The scene in which nothing of ours is used: AWS's command-line client manages functions, and invokes them."""
import collections
import json
import pathlib
import secrets
import zipfile

from scenes import curl, need

PORT = 4602
KEY = "AKIDDEMO0000000000000"
CODE = "def handle(event, context):\n    return 'the {}'\n"


def configuration(plan, folder):
    """What the POP needs for it, as a file: a listener, and a key that may manage."""
    secret = pathlib.Path(folder) / "secret"
    secret.touch(0o600)
    secret.write_text(secrets.token_hex(20))
    more = pathlib.Path(folder) / "more.toml"
    more.write_text(f'\n[lambda_api]\nlisten = "{plan.management("pop")}:{PORT}"\n'
                    f'[[access_key]]\nid = "{KEY}"\nsecret_file = "{secret}"\nfunctions = ["*"]\nmanage = true\n')
    return more


class Aws:
    def __init__(self, stage, folder):
        self.stage = stage
        self.folder = pathlib.Path(folder)
        self.name = ("--function-name", "by-aws")
        self.calls = 0

    def __call__(self, verb, *words, url=None):
        self.calls += 1
        secret = (self.folder / "secret").read_text()
        done = self.stage.run("env", f"HOME={self.folder}", f"AWS_ACCESS_KEY_ID={KEY}", f"AWS_SECRET_ACCESS_KEY={secret}",
                              "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=", "aws", "--endpoint-url",
                              url or f"http://{self.stage.plan.management('pop')}:{PORT}", "lambda", verb, *self.name, *words)
        need(done.returncode == 0, f"aws lambda {verb}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def zip(self, what):
        path = self.folder / f"{what}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("app.py", CODE.format(what))
        return f"fileb://{path}"


def executed(stage, requests):
    """How many of so many requests for the alias each version got."""
    return collections.Counter(curl(stage, f"/2015-03-31/functions/by-aws/invocations?Qualifier=live&n=[1-{requests}]", "-d", "{}",
                                    "-o", "/dev/null", "-w", "%header{x-amz-executed-version}\\n").split())


def scene(stage, folder):
    stage.say("Nothing of ours: the AWS CLI creates a function, publishes a second version, gives it a part of an alias's requests, invokes.")
    aws = Aws(stage, folder)
    made = aws("create-function", "--runtime", "python3.11", "--handler", "app.handle", "--role", "arn:aws:iam::000000000000:role/any",
               "--publish", "--zip-file", aws.zip("first"))
    updated = aws("update-function-code", "--publish", "--zip-file", aws.zip("second"))
    need((made["Version"], updated["Version"]) == ("1", "2"), f"two versions: {made['Version']}, {updated['Version']}")
    aws("create-alias", "--name", "live", "--function-version", "1", "--routing-config", "AdditionalVersionWeights={2=0.25}")
    out = aws.folder / "out"
    told = aws("invoke", "--qualifier", "live", out, url=stage.plan.pop_url())
    need(json.loads(out.read_text()) == {"1": "the first", "2": "the second"}[told["ExecutedVersion"]], f"its payload: {out.read_text()}")
    shares = executed(stage, 100)
    need(set(shares) == {"1", "2"} and 5 <= shares["2"] <= 55, f"a quarter for version 2: {shares}")
    stage.say(f"  aws lambda create-function, update-function-code --publish, create-alias, invoke; then of 100 requests for the alias "
              f"version 1 got {shares['1']}, version 2 {shares['2']}")
    aws("update-alias", "--name", "live", "--routing-config", "AdditionalVersionWeights={}")
    back = executed(stage, 40)
    need(set(back) == {"1"}, f"rolled back: {back}")
    stage.say(f"  rolled back by one update-alias: the next {back['1']} requests all got version 1")
    return {"calls": aws.calls, "first": shares["1"], "second": shares["2"], "after_rollback": back["1"]}
