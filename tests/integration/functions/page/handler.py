"""A web page for whoever asks, in the form that Lambda's function URLs have; and what the page's own requests are answered with."""
import html
import pathlib


def handle(event, context):
    if "numbers" in event:
        return {"sum": sum(event["numbers"])}
    page = pathlib.Path(__file__).with_name("page.html").read_text()
    return {"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": page.replace("NAME", html.escape(event["name"]))}
