"""A stub and one worker that is asked through it."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests/integration"))
sys.dont_write_bytecode = True

from stub import PATIENCE_S, Stub, answer  # noqa: E402
from tap import Skip, equal  # noqa: E402

GOLDEN = ROOT / "tests/fuzz/corpus/runtime_api"
RUNTIMES = ROOT / "sandbox/runtime"
ARN = "arn:aws:lambda:local:000000000000:function:tested"
DEADLINE_MS = 4102444800000  # the year 2100: for the bytes it does not matter when


class Client:
    """How one client is started. `root` is the artifact, `handler` what the function names."""

    def __init__(self, name, command, root, handler=""):
        self.name, self.command, self.root, self.handler = name, [str(part) for part in command], root, handler

    def with_handler(self, handler, root=None):
        return Client(self.name, self.command, root or self.root, handler)


def python3():
    program = shutil.which("python3", path="/usr/bin") or shutil.which("python3")
    return Client("python3", [program, RUNTIMES / "python3/bootstrap.py"], HERE / "functions/python3", "app.handler")


def nodejs():
    program = shutil.which("node", path="/usr/bin") or shutil.which("node")
    if program is None:
        raise Skip("node is not installed")
    return Client("nodejs", [program, RUNTIMES / "nodejs/bootstrap.mjs"], HERE / "functions/nodejs", "app.handler")


def npm_folder(build, name):
    cache = os.environ.get("SKERRY_NPM_CACHE") or build + "/npm"
    done = subprocess.run([HERE / "npm-install", name, cache], text=True, capture_output=True)
    if done.returncode == 3:
        raise Skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def ric(build, handler="app.handler", root=HERE / "functions/nodejs"):
    """AWS's own client."""
    program = npm_folder(build, "ric") / "node_modules/aws-lambda-ric/bin/index.mjs"
    return Client("ric", [nodejs().command[0], program, handler], root, handler)


def bash():
    for program in ("bash", "curl", "jq"):
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed")
    folder = ROOT / "tools/functions/greet-bash"
    return Client("bash", [folder / "bootstrap"], folder)


def cpp(build):
    folder = f"{build}/tools/functions/word-count"
    return Client("cpp", [folder + "/bootstrap"], folder)


class Rig:
    def __init__(self, client, stub=None, pass_fds=(), **environment):
        self.client, self.stub = client, stub or Stub()
        self.log_file = tempfile.NamedTemporaryFile(prefix="skerry-runtime-")
        self.offered = 0
        given = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": ":UTC", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1",
                 "AWS_LAMBDA_RUNTIME_API": self.stub.address, "_HANDLER": client.handler,
                 "LAMBDA_TASK_ROOT": str(client.root), "LAMBDA_RUNTIME_DIR": "/var/runtime",
                 "AWS_LAMBDA_FUNCTION_NAME": "tested", "AWS_LAMBDA_FUNCTION_VERSION": "3",
                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
                 "AWS_LAMBDA_LOG_STREAM_NAME": "stream", "AWS_REGION": "local"} | environment
        self.process = subprocess.Popen(client.command, env=given, cwd=client.root, stdin=subprocess.DEVNULL,
                                        stdout=self.log_file, stderr=subprocess.STDOUT, start_new_session=True,
                                        pass_fds=pass_fds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            # Its group: a shell has children.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.stub.close()
        self.log_file.close()

    def log(self):
        return pathlib.Path(self.log_file.name).read_bytes()

    def offer(self, event, request_id=None, **headers):
        """One invocation more; its id."""
        self.offered += 1
        request_id = request_id or f"00000000-0000-4000-8000-{self.offered:012d}"
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.stub.offer(answer(200, body, **({
            "Lambda_Runtime_Aws_Request_Id": request_id, "Lambda_Runtime_Deadline_Ms": DEADLINE_MS,
            "Lambda_Runtime_Invoked_Function_Arn": ARN} | headers)))
        return request_id

    def ask(self, event, **headers):
        """What the worker says to an event: the request it makes of it."""
        request_id = self.offer(event, **headers)
        return self.stub.wait(lambda request: f"/invocation/{request_id}/" in request.target, f"an answer to {event!r:.200}")

    def result(self, event, **headers):
        request = self.ask(event, **headers)
        assert request.target.endswith("/response"), request
        return json.loads(request.body)

    def error(self, event, **headers):
        """(error type of the header, body)."""
        request = self.ask(event, **headers)
        assert request.target.endswith("/error"), request
        return request.header("Lambda-Runtime-Function-Error-Type"), json.loads(request.body)

    def init_error(self):
        request = self.stub.wait(lambda found: found.target.endswith("/init/error"), "an init error")
        return request.header("Lambda-Runtime-Function-Error-Type"), json.loads(request.body)

    def wait_for_next(self, count):
        """Until the worker has asked that often."""
        limit = time.monotonic() + PATIENCE_S
        while sum(request.target.endswith("/next") for request in self.stub.requests) < count:
            assert time.monotonic() < limit, f"never asked {count} times: {self.stub.requests}"
            time.sleep(0.01)

    def exit_code(self):
        return self.process.wait(PATIENCE_S)

    def normal(self, request):
        """Its bytes, without what differs from run to run, machine to machine."""
        head, _, body = request.raw.partition(b"\r\n\r\n")
        length = len(body)
        body = body.replace(str(self.client.root).encode(), b"/var/task")
        head = head.replace(self.stub.address.encode(), b"127.0.0.1:9001")
        head = head.replace(str(self.client.root).encode(), b"/var/task")
        head = re.sub(rb"(?m)^(User-Agent: curl)/[\d.]+", rb"\1/0", head)
        head = re.sub(rb"(?mi)^(User-Agent: aws-lambda-nodejs)/[^\r]+", rb"\1/0", head)
        if len(body) != length:
            # It was right, and has to be again.
            field = f"Content-Length: {length}".encode()
            assert field in head, head
            head = head.replace(field, f"Content-Length: {len(body)}".encode())
        return head + b"\r\n\r\n" + body

    def golden(self, request, case):
        """The request is, byte for byte, the one that is kept."""
        place = GOLDEN / f"{self.client.name}-{case}"
        found = self.normal(request)
        if os.environ.get("SKERRY_RECORD"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(found)
        equal(found, place.read_bytes(), f"bytes of {place.name}")
