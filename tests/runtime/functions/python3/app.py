"""Does as its event says: {"do": WORD, …}."""
import logging
import os
import sys


class OopsError(Exception):
    pass


class Api:
    class Inner:
        @staticmethod
        def handle(event, context):
            return "nested"


def context_of(_event, context):
    client, identity = context.client_context, context.identity
    return {name: getattr(context, name) for name in (
        "aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name",
        "log_stream_name", "tenant_id")} | {
        "left": context.get_remaining_time_in_millis() > 1000, "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "custom": client and client.custom, "title": client and client.client and client.client.app_title,
        "identity": identity.cognito_identity_id}


def throw(event, _context):
    raise OopsError(event.get("text", "it broke: é"))


def logs(_event, _context):
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("mine").info("logged %d", 7)
    print("without its end", end="")
    return None


def bad(event, _context):
    values = {"set": {1}, "nan": float("nan"), "surrogate": "\ud800", "keys": {(1, 2): 3}}
    endless = []
    endless.append(endless)
    return endless if event["what"] == "cycle" else values[event["what"]]


def decimal(_event, _context):
    import decimal as numbers
    return numbers.Decimal("1.5")


ACTIONS = {"echo": lambda event, _: event["value"], "big": lambda event, _: "x" * event["bytes"],
           "size": lambda event, _: len(event["value"]), "context": context_of, "throw": throw, "logs": logs, "bad": bad,
           "decimal": decimal, "exit": lambda event, _: sys.exit(event["code"]), "die": lambda event, _: os._exit(9)}
something = 7


def handler(event, context):
    return ACTIONS[event["do"]](event, context)
