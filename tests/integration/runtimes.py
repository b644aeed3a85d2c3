"""Functions in any language: custom runtimes and managed ones, each with its invocations' every end."""
import base64
import json
import pathlib
import sys

import rig
import tap
from rig import status
from tap import equal

HERE = pathlib.Path(__file__).resolve().parent
FUNCTIONS = HERE / "functions"
# name → options of its deploy, files of its artifact
KINDS = {
    "shell": (("--runtime", "provided", "--memory-mib", "128"), {"bootstrap": "bash_bootstrap"}),
    "snake": (("--runtime", "python3", "--handler", "handler.handle"), {"handler.py": "handler.py"}),
    "node": (("--runtime", "nodejs", "--handler", "handler.handle"), {"handler.mjs": "handler.mjs"}),
}


def artifact(lab, files):
    folder = lab.new_folder()
    for name, source in files.items():
        (folder / name).write_bytes((FUNCTIONS / source).read_bytes())
        (folder / name).chmod(0o755)
    return folder


def deploy(lab, name, kind, *options):
    words, files = KINDS[kind]
    return lab.ctl("function", "deploy", name, "--artifact", artifact(lab, files), *words, "--env", "COLOUR=blue",
                   "--place", "pop", "--warm-min", "1", *options)


def ask(client, name, event, deadline_ms=10000):
    reply = client.invoke(name, json.dumps(event).encode(), deadline_ms=deadline_ms)
    return status(reply), json.loads(reply.payload) if reply.payload else None


def answers(kind):
    def test(lab):
        deploy(lab, kind, kind, "--timeout-ms", "2000")
        client = lab.client()
        for number in range(20):
            equal(ask(client, kind, {"n": number})[1]["event"], {"n": number})
        client.close()
    return test


def errors(kind):
    def test(lab):
        client = lab.client()
        said, body = ask(client, kind, {"do": "error"})
        equal((said, body["errorMessage"]), ("function_error", "no"))
        equal(ask(client, kind, {"n": 1})[0], "ok", "after an error")
        client.close()
    return test


def ends(kind):
    def test(lab):
        client = lab.client()
        said, body = ask(client, kind, {"do": "exit"})
        equal((said, body["errorType"]), ("worker_died", "Runtime.ExitError"))
        assert body["errorMessage"].endswith("Error: Runtime exited with error: exit status 3"), body
        equal(ask(client, kind, {"n": 1})[0], "ok", "after its end")
        said, body = ask(client, kind, {"do": "sleep"})
        equal((said, body["errorType"]), ("worker_hung", "Sandbox.Timedout"))
        assert body["errorMessage"].endswith("Task timed out after 2.00 seconds"), body
        equal(ask(client, kind, {"n": 1})[0], "ok", "after its time limit")
        client.close()
    return test


for each in KINDS:
    for what in (answers, errors, ends):
        globals()[f"test_{each}_{what.__name__}"] = what(each)


def test_what_a_handler_is_told(lab):
    client = lab.client()
    for kind in ("snake", "node"):
        said, body = ask(client, kind, {})
        equal((said, body["name"], body["variable"]), ("ok", kind, "blue"))
        assert 0 < body["left_ms"] <= 2002, body  # two clocks, each in whole milliseconds
        equal(len(body["id"]), 36)
    client.close()


CONTEXT = {"client": {"app_title": "Skärgård", "installation_id": "7"}, "custom": {"k": "v\n"}, "env": {"locale": "sv"}}


def test_a_client_context_and_the_trace(lab):
    """By AWS's clients for Python and the command line, at the POP and at the region, now and later; with white space in its JSON."""
    places = {"snake-here": "pop", "node-here": "pop", "snake-there": "region", "node-there": "region"}
    for name, place in places.items():
        kind = name.split("-")[0]
        lab.ctl("function", "deploy", name, "--artifact", artifact(lab, KINDS[kind][1]), *KINDS[kind][0], "--place", place, "--warm-min", "1")
    text = base64.b64encode(json.dumps(CONTEXT, indent=2, ensure_ascii=False).encode()).decode()
    done = lab.run("/usr/bin/python3", HERE / "context_calls.py", lab.plan.pop_url(), text, *places)
    equal(done.returncode, 0, done.stderr)
    seen = {"client": {"title": "Skärgård"}, "custom": {"k": "v\n"}, "env": {"locale": "sv"}}
    refused = {"error": "InvalidRequestContentException", "status": 400}
    for name, told in json.loads(done.stdout).items():
        equal((told["with"]["status"], told["with"]["said"]["context"], told["with"]["said"]["keys"]), (200, seen, ["do"]), name)
        equal((told["large"]["said"]["context"], told["large"]["said"]["keys"]), (seen, ["do", "fill"]), name)
        equal((told["without"]["status"], told["without"]["said"]["context"]), (200, None), name)
        equal([told[why] for why in ("no base64", "too long", "no json", "no json, later")], [refused] * 4, name)
        where = "forward; region=" if places[name] == "region" else "local; "
        assert told["with"]["decision"].startswith(where), told["with"]
        # The trace of who has none is a new one; the function is told the same as the caller.
        root = "Root=1-58406520-a006649127e371903a2de979"
        equal(told["traced"]["trace"], f"{root};Parent=00f067aa0ba902b7;Sampled=0", name)
        equal(told["traced"]["said"]["trace"], f"{root};Sampled=0", name)
        equal(told["with"]["said"]["trace"], told["with"]["trace"], name)
        assert told["with"]["trace"] != told["without"]["trace"], told
        equal(told["later"]["status"], 202)
    for name, place in places.items():
        node = "pop" if place == "pop" else lab.plan.servers[1]
        logs = lab.plan.node_dir(node) / "logs"
        tap.eventually(lambda: any("Skärgård" in log.read_text(errors="replace") for log in logs.glob(f"{name}.*.log")),  # noqa: B023
                       f"the event of {name}")
    out = lab.new_folder() / "out"
    done = lab.run("env", f"HOME={out.parent}", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=",
                   "/usr/bin/aws", "--endpoint-url", lab.plan.pop_url(), "lambda", "invoke", "--function-name", "snake-there", "--client-context", text,
                   "--cli-binary-format", "raw-in-base64-out", "--payload", '{"do": "context"}', out)
    equal((done.returncode, done.stderr), (0, ""))
    equal(json.loads(out.read_text())["context"], seen)


def test_the_environment_of_a_custom_runtime(lab):
    client = lab.client()
    said, lines = ask(client, "shell", {"do": "environment"})
    equal(said, "ok")
    variables = dict(line.split("=", 1) for line in lines)
    equal({name: variables.get(name) for name in ("AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT", "COLOUR", "AWS_REGION",
                                                  "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_INITIALIZATION_TYPE")},
          {"AWS_LAMBDA_FUNCTION_NAME": "shell", "LAMBDA_TASK_ROOT": "/var/task", "COLOUR": "blue", "AWS_REGION": "pop",
           "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"})
    client.close()


def test_an_answer_larger_than_allowed(lab):
    client = lab.client()
    said, body = ask(client, "snake", {"do": "big", "bytes": 70000})
    equal((said, body["errorType"]), ("answer_too_large", "Function.ResponseSizeTooLarge"))
    equal(ask(client, "snake", {"n": 1})[0], "ok", "the same worker serves on")
    client.close()


def test_a_worker_for_each_invocation(lab):
    deploy(lab, "once", "shell", "--single-use", "--warm-max", "2")
    client = lab.client()
    for number in range(4):
        equal(ask(client, "once", {"n": number})[0], "ok")
    client.close()
    words = lab.ctl("function", "describe", "once")
    assert words["limits"]["single_use"], words


def test_new_workers_are_copies_of_one_that_has_initialised(lab):
    # Each invocation has a new worker: one that initialised by itself was born at its own time, copies all at their
    # template's. What must not be the same in two of them is not.
    for options, few in (((), True), (("--no-templates",), False)):
        name = f"copies-{few}".lower()
        deploy(lab, name, "snake", "--single-use", "--warm-max", "2", *options)
        client = lab.client()
        tap.eventually(lambda: not few or ask(client, name, {})[1]["born"] == ask(client, name, {})[1]["born"],
                       "two workers that were born at the same time")
        replies = [ask(client, name, {})[1] for _ in range(8)]
        client.close()
        births = {each["born"] for each in replies}
        assert (len(births) == 1) == few, (options, births)
        equal(len({each["random"] for each in replies}), 8, "random numbers of eight workers")


def ways(lab, name):
    described = lab.ctl("function", "describe", name)
    return next(each["cold_start"]["ways"] for each in described["versions"] if each["version"] == described["current"])


PARTS = ("environment", "cwd", "argv", "exec", "id", "globals", "handles", "task", "tmp", "root", "tmp_bytes", "limits",
         "write", "rewrite", "rename", "link", "mounts", "paths", "random")


def test_a_node_worker_that_stood_by_is_like_a_fresh_one(lab):
    found = {}
    # A setting that the interpreter looks at when it starts: such a function's workers do not come from those who stand by.
    for name, setting, way in (("stood", "UX_THREADPOOL_SIZE=4", "standby"), ("fresh", "UV_THREADPOOL_SIZE=4", "fresh")):
        folder = artifact(lab, {"handler.cjs": "looks.cjs"})
        lab.ctl("function", "deploy", name, "--artifact", folder, "--runtime", "nodejs", "--handler", "handler.handle",
                "--place", "pop", "--warm-max", "1", "--tmp-mib", "7", "--pids-max", "50", "--env", setting)
        tap.eventually(lambda: lab.ctl("status")["standbys"]["nodejs"] == 2, "two workers that stand by")
        client = lab.client()
        before = ways(lab, name)
        found[name] = {part: ask(client, name, {"part": part}) for part in PARTS}
        client.close()
        equal({part: said for part, (said, _) in found[name].items() if said != "ok"}, {}, name)
        found[name] = {part: value for part, (_, value) in found[name].items()}
        after = tap.eventually(lambda: ways(lab, name)[way] > before[way] and ways(lab, name), f"a start counted as {way}")
        equal({each for each, count in after.items() if count != 0}, {way}, name)
    stood, fresh = found["stood"], found["fresh"]
    equal(stood["task"], ["handler.cjs"], "nothing but its own artifact")
    assert not {"done", None} & {stood[each] for each in ("write", "rewrite", "rename", "link")}, stood
    assert stood.pop("random") != fresh.pop("random")
    equal(stood["environment"]["UX_THREADPOOL_SIZE"], "4")
    equal(stood["environment"]["AWS_LAMBDA_FUNCTION_NAME"], "stood")
    for each in found.values():
        for variable in ("UX_THREADPOOL_SIZE", "UV_THREADPOOL_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
                         "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID"):
            each["environment"].pop(variable, None)
    for key, value in fresh.items():
        equal(stood[key], value, key)


def test_a_worker_that_stood_by_serves_one_function_only(lab):
    """Each new worker is a process of its own, with the artifact of its function alone."""
    client = lab.client()
    for each in ("one", "two"):
        folder = lab.new_folder()
        (folder / "app.js").write_text("exports.handle = async () => require('fs').readdirSync('/var/task');\n")
        (folder / each).write_text("")
        lab.ctl("function", "deploy", each, "--artifact", folder, "--runtime", "nodejs", "--handler", "app.handle", "--place",
                "pop", "--single-use", "--warm-max", "2")
    for _ in range(6):
        for each in ("one", "two"):
            equal(sorted(ask(client, each, {})[1]), sorted(["app.js", each]))
    client.close()
    assert ways(lab, "one")["standby"] + ways(lab, "two")["standby"] > 0, (ways(lab, "one"), ways(lab, "two"))


def test_copies_begin_in_jails_that_stood_by(lab):
    """Native and Python, with templates and without; each worker has one invocation, so each of them is a new one."""
    client = lab.client()
    native = {"artifact": lab.plan.build / "tools/functions/echo/bootstrap", "options": ()}
    python = {"artifact": artifact(lab, KINDS["snake"][1]), "options": KINDS["snake"][0]}
    for kind, made in (("native", native), ("python3", python)):
        for forbidden in (False, True):
            name = f"blank-{kind}-{forbidden}".lower()
            lab.ctl("function", "deploy", name, "--artifact", made["artifact"], *made["options"], "--place", "pop", "--single-use",
                    "--warm-max", "2", *(("--no-templates",) if forbidden else ()))
            for number in range(8 if forbidden else 40):
                if not forbidden and number > 1:  # the first has no template yet, on a slow machine some more
                    tap.eventually(lambda k=kind: lab.ctl("status")["standbys"][k] > 0, "one that stands by")
                    if number > 7 and ways(lab, name)["standby_copy"] >= 4:
                        break
                equal(ask(client, name, {"n": number})[0], "ok", f"{name} {number}")
            found = ways(lab, name)
            if forbidden:
                equal({each for each, count in found.items() if count}, {"fresh"}, name)
            else:
                assert found["standby_copy"] >= 4, (name, found)
    client.close()


def test_no_worker_stands_by_when_no_function_needs_one(lab):
    for name in [each["name"] for each in lab.ctl("function", "list")["functions"]]:
        if lab.ctl("function", "describe", name)["runtime"] == "nodejs":
            lab.ctl("function", "delete", name)
    tap.eventually(lambda: lab.ctl("status")["standbys"]["nodejs"] == 0, "no worker stands by")


def test_a_handler_that_can_not_be_loaded(lab):
    folder = lab.new_folder()
    (folder / "handler.py").write_text("import nothing_of_this_name\n")
    done = lab.ctl("function", "deploy", "broken", "--artifact", folder, "--runtime", "python3", "--handler",
                   "handler.handle", "--place", "pop", "--warm-min", "1", check=False)
    assert done.returncode != 0, done.stdout
    assert "Runtime.ImportModuleError" in done.stdout + done.stderr, done.stdout + done.stderr
    assert "nothing_of_this_name" in done.stdout + done.stderr, done.stdout + done.stderr


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "r", regions=1) as made:
        code = tap.run(sys.modules["__main__"], made)
    sys.exit(code)
