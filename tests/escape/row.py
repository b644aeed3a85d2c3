"""One attempt: what it is, and what must come of it."""
import dataclasses
import json
import pathlib
import sys
import typing

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import tap  # noqa: E402

NATIVE = ("native",)
API = ("provided",)
ALL = NATIVE + API
MANAGED = ("python3", "nodejs")  # they start the attempts as a child: what is about a process of a worker
EVERYWHERE = ALL + MANAGED
NOT_NATIVE = API + MANAGED


class Unexpected(AssertionError):
    """The jail did something else than what the table says."""


def parse(answer):
    return dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)


class Answers:
    """It is answered, line by line: KEY=VALUE exactly, or one of several. Keys with spaces or slashes: `also`."""

    def __init__(self, also=None, **values):
        self.values = {**values, **(also or {})}

    def check(self, status, answer, _scene):
        if status != "ok":
            raise Unexpected(f"{status}, expected an answer: {answer}")
        found = parse(answer)
        for key, value in self.values.items():
            allowed = value if isinstance(value, (tuple, set)) else (value,)
            if found.get(key) not in allowed:
                raise Unexpected(f"{key}={found.get(key)}, expected {' or '.join(map(str, allowed))}; all of it: {found}")
        return found


class Refused(Answers):
    """Every line is one of these errors, but for those that are named."""

    def __init__(self, *errors, **others):
        super().__init__(**others)
        self.errors = errors

    def check(self, status, answer, scene):
        found = super().check(status, answer, scene)
        for key, value in found.items():
            if key not in self.values and value not in self.errors:
                raise Unexpected(f"{key}={value}, expected {' or '.join(self.errors)}; all of it: {found}")
        if not found:
            raise Unexpected("an empty answer")
        return found


class Ends:
    """The worker is ended, and the caller is told so: worker_died, worker_hung or worker_malformed. Of the kinds of the
    Runtime API it is told as Lambda does."""
    LAMBDA = {"worker_died": "Runtime.ExitError", "worker_hung": "Sandbox.Timedout"}

    def __init__(self, status):
        self.status = status

    def check(self, status, answer, scene):
        if scene.kind != "native" and status == "function_error":
            told = json.loads(answer).get("errorType")
            status = next((own for own, theirs in self.LAMBDA.items() if theirs == told), told)
        if status != self.status:
            raise Unexpected(f"{status}, expected {self.status}: {answer}")


class Killed(Ends):
    """The worker is killed for this system call, and the server counts it by its name."""

    def __init__(self, call):
        super().__init__("worker_died")
        self.call = call

    def check(self, status, answer, scene):
        super().check(status, answer, scene)
        try:
            tap.eventually(lambda: (scene.denied_calls() - scene.denied_before) == {self.call: 1}, "", 2)
        except AssertionError:
            raise Unexpected(f"denied and counted: {scene.denied_calls() - scene.denied_before}, expected {self.call}") from None


class Either:
    """Which of them depends on what is reached first; each of them is a closed door."""

    def __init__(self, *ways):
        self.ways = ways

    def check(self, status, answer, scene):
        problems = []
        for way in self.ways:
            try:
                return way.check(status, answer, scene)
            except Unexpected as problem:
                problems.append(str(problem))
        raise Unexpected("; ".join(problems))


DIES, HANGS, LIES = Ends("worker_died"), Ends("worker_hung"), Ends("worker_malformed")


@dataclasses.dataclass
class Row:
    name: str                # of the attempt in function/, or "call NAME"
    what: str
    expect: object           # has check(status, answer, scene)
    fence: str               # what stops it
    words: typing.Callable = lambda _scene: ()  # what the worker can't know, and is told
    fouls: bool = False      # leaves a worker that is of no further use: it is told to end
    kinds: tuple = NATIVE

    @property
    def test_name(self):
        return "test_" + self.name.replace(" ", "_")


def for_kinds(kinds, rows):
    return [dataclasses.replace(row, kinds=kinds) for row in rows]
