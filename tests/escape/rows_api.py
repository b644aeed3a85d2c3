"""Lies in HTTP, told to skerryd over the Runtime API."""
import json

from row import API, HANGS, Answers, Either, Refused, Row, Unexpected

PARSER = "every part of a request is bounded and checked"


class TooLarge:
    def check(self, status, answer, _scene):
        if status not in ("function_error", "answer_too_large") or json.loads(answer).get("errorType") != "Function.ResponseSizeTooLarge":
            raise Unexpected(f"{status} {answer[:200]}")


class AnyEnd:
    """What it comes to is the worker's affair; that all is well afterwards is seen by what follows each attempt."""

    def check(self, status, _answer, _scene):
        if status not in ("ok", "function_error", "worker_died", "worker_hung", "worker_malformed"):
            raise Unexpected(status)


ROWS = [
    # It may lose its own connection to them, and be given the same invocation again.
    Row("api_many_connections", "200 connections with half a request each", AnyEnd(), "bounded connections of a worker",
        fouls=True, kinds=API),
    Row("api_connection_storm", "2000 connections that are reset", Either(Answers(tried="yes"), HANGS), "bounded connections of a worker",
        kinds=API),
    Row("api_malformed_requests", "requests that are none",
        Refused("400", "408", "413", "414", "417", "431", "501", "505", "closed"), PARSER, kinds=API),
    Row("api_wrong_requests", "other invocations, other paths, other hosts", Refused("400", "403", "404", "405", "closed"),
        PARSER, kinds=API),
    Row("api_answer_twice", "two answers to one invocation", Answers(first="yes"), "the first answer counts", kinds=API),
    Row("api_large_answer", "an answer of 8 MiB", TooLarge(), "size of an answer", kinds=API),
    Row("api_half_answer", "half an answer, and then nothing", HANGS, "time limit", kinds=API),
    Row("api_unread_answers", "requests whose answers nobody reads", Answers(bounded="yes"), "one answer at a time", kinds=API),
    *[Row(f"api_random_requests {seed}", "requests cut and mended at random", AnyEnd(), PARSER, fouls=True, kinds=API)
      for seed in (1, 2, 3)],
    Row("api_listen_there", "its own listener in skerryd's place", Refused("EADDRINUSE", reuse_port=("done", "EPERM")),
        "the listener is made before the worker", kinds=API),
]
