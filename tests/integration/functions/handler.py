"""A handler for the managed Python runtime."""
import os
import random
import time

started = time.monotonic()


def handle(event, context):
    what = event.get("do") if isinstance(event, dict) else None
    if what == "error":
        raise ValueError("no")
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(30)
    if what == "burn":
        while True:
            pass
    if what == "burn in a child":
        if os.fork() == 0:
            while True:
                pass
        os.wait()
    if what == "eat in a child":
        if os.fork() == 0:
            eaten = [bytes([1]) * (1 << 20) for _ in range(1024)]
            os._exit(len(eaten) & 1)
        os.wait()
        time.sleep(30)
    if what == "context":
        its = context.client_context
        told = its and {"client": {"title": its.client.app_title} if its.client else None, "custom": its.custom, "env": its.env}
        if event.get("say"):
            print("context:", told, flush=True)
        return {"context": told, "trace": os.environ.get("_X_AMZN_TRACE_ID"), "keys": sorted(event)}
    if what == "nap":
        time.sleep(1)
    if what == "die":
        print("last words", flush=True)
        os._exit(3)
    if what == "log":
        print("a line of", context.aws_request_id)
    if what == "big":
        return "x" * event["bytes"]
    return {"event": event, "id": context.aws_request_id, "left_ms": context.get_remaining_time_in_millis(),
            "name": context.function_name, "variable": os.environ.get("COLOUR"), "born": started, "random": random.random()}
