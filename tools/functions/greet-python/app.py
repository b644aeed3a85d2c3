"""Answers {"name": TEXT} with {"greeting": TEXT, "by": "python"}. Kind python3, handler app.greet."""
import platform

# Slow initialisation belongs here: no request pays for it.
BY = f"python {platform.python_version()}"


def greet(event, context):
    if not isinstance(event, dict) or not isinstance(event.get("name"), str):
        raise ValueError("name is missing")
    print(f"greeting {event['name']}, {context.get_remaining_time_in_millis()} ms left")
    return {"greeting": f"Hello, {event['name']}!", "by": BY}
