"""Answers {"name": TEXT} with {"greeting": TEXT, "by": "python"}. Kind python3, handler app.greet."""
import platform

# Slow initialisation belongs here: no request pays for it.
BY = f"python {platform.python_version()}"


def greet(event, context):
    if not isinstance(event, dict) or not isinstance(event.get("name"), str):
        raise ValueError("name is missing")
    # Not the name itself: a log is no place for what callers sent.
    print(f"greeting {len(event['name'])} letters, {context.get_remaining_time_in_millis()} ms left")
    return {"greeting": f"Hello, {event['name']}!", "by": BY}
