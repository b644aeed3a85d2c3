"""HTTP routes from skerryctl to a function, and back to curl; and what stays when the server starts again."""
import json
import sys

import rig
import tap
from http_clients import curl
from signed_clients import KEYS, keys
from tap import equal, eventually

ANSWERS = '''
import json

def answer(event, context):
    http = event["requestContext"]["http"]
    body = {"path": event["rawPath"], "method": http["method"], "id": event.get("pathParameters", {}).get("id"),
            "body": event.get("body"), "base64": event["isBase64Encoded"], "query": event["rawQueryString"]}
    return {"statusCode": 202, "headers": {"X-Said": "by-function"}, "cookies": ["a=1", "b=2"], "body": json.dumps(body)}

def large(event, context):
    return {"statusCode": 203, "headers": {"X-Long": "h" * 2000}, "body": "b" * 500_000}
'''


def test_a_route_leads_to_a_function(lab):
    folder = lab.folder_of_shop = lab.new_folder()
    (folder / "app.py").write_text(ANSWERS)
    lab.ctl("function", "deploy", "shop", "--artifact", folder, "--runtime", "python3", "--handler", "app.answer",
            "--place", "pop", "--warm-min", "1", "--timeout-ms", "10000")
    lab.ctl("route", "add", "/items/:id", "shop", "--method", "GET", "--method", "POST", "--auth", "NONE")
    lab.ctl("route", "add", "~/v[0-9]+/status", "shop", "--host", "*.test", "--auth", "NONE")
    answer = curl(lab, "//items/./4%37?v=1", "-X", "POST", "--path-as-is", data=b'{"a": 1}')
    equal(answer.status, 202, answer.body)
    said = json.loads(answer.body)
    equal(said, {"path": "/items/47", "method": "POST", "id": "47", "body": '{"a": 1}', "base64": False, "query": "v=1"})
    equal((answer.field("x-said"), answer.heads.count("Set-Cookie: ")), ("by-function", 2))
    equal(curl(lab, "/v7/status", "-H", "Host: a.test").status, 202)
    equal(curl(lab, "/v7/status").status, 404)
    refused = curl(lab, "/items/1", "-X", "PUT")
    equal((refused.status, refused.field("allow")), (405, "GET, HEAD, POST"))
    equal(curl(lab, "/items/..%2fx", "--path-as-is").status, 400)


def test_what_is_tried_again_is_executed_once(lab):
    told = [curl(lab, "/items/again", "-H", "amz-sdk-invocation-id: the-same", "-H", f"amz-sdk-request: attempt={i}") for i in range(3)]
    equal([each.status for each in told], [202] * 3)
    equal([each.field("x-skerry-decision").endswith("; replayed") for each in told], [False, True, True], told)
    equal({each.body for each in told}, {told[0].body})
    assert not curl(lab, "/items/again").field("x-skerry-decision").endswith("replayed")


# A minute and more of Hyperscan's time, in less than a thousand bytes.
ENDLESS = "|".join(f"({chr(97 + i % 6) * 6}){{1,{20 + i}}}" for i in range(60))


def test_what_is_refused_is_said(lab):
    for words, said in ((("~/a(", "shop"), "Missing close parenthesis"), (("/a//b", "shop"), "slashes in a row"),
                        (("/a", "nobody"), "no function is called nobody"), ((f"~{ENDLESS}", "shop"), "compiling it takes more than 2000 ms")):
        done = lab.ctl("route", "add", *words, check=False)
        assert done.returncode == 1 and said in done.stderr, done.stdout + done.stderr


def test_a_route_is_for_who_signs_unless_it_says_otherwise(lab):
    def signed(who, secret=None, path="/mine/7"):
        return curl(lab, path, "--aws-sigv4", "aws:amz:us-east-1:lambda", "--user", f"{KEYS[who][0]}:{secret or KEYS[who][1]}")
    lab.ctl("route", "add", "/mine/:id", "shop")
    equal(lab.ctl("route", "list")["routes"][-1]["auth"], "AWS_IAM")
    for answer, kind in ((curl(lab, "/mine/7"), "MissingAuthenticationTokenException"),
                         (signed("alice", "the secret of somebody else"), "InvalidSignatureException"),
                         (signed("bob"), "AccessDeniedException")):
        equal((answer.status, answer.field("x-amzn-ErrorType")), (403, kind), answer.body)
    answer = signed("alice")
    equal(answer.status, 202, answer.body)
    equal(json.loads(answer.body)["id"], "7")
    lab.ctl("route", "delete", "2")


# Its answer comes over a trunk, in buffers.
def test_a_region_answers_too(lab):
    lab.ctl("function", "deploy", "far", "--artifact", lab.folder_of_shop, "--runtime", "python3", "--handler", "app.large",
            "--place", "region", "--timeout-ms", "10000", "--max-payload-bytes", "1000000")
    lab.ctl("route", "add", "/far", "far", "--auth", "NONE")
    eventually(lambda: curl(lab, "/far").status == 203, "the region has it", 30)
    answer = curl(lab, "/far")
    equal((answer.status, answer.field("x-long"), len(answer.body)), (203, "h" * 2000, 500_000))
    lab.ctl("route", "delete", "2")


def test_a_test_says_who_won_and_why(lab):
    told = lab.ctl("route", "test", "http://a.test/v7/status")
    equal((told["verdict"], told["routes"][0]["number"], told["routes"][0]["won"]), ("route", 1, True))
    equal(told["routes"][1]["why"], "path: /v7/status is not /items/:id")
    equal(len(lab.ctl("route", "list")["routes"]), 2)


def test_what_list_says_can_be_loaded(lab):
    kept = lab.ctl("route", "list")
    file = lab.new_folder() / "routes.json"
    file.write_text(json.dumps(kept))
    equal(lab.ctl("route", "load", file)["routes"], kept["routes"])
    file.write_text(json.dumps(kept | {"version": 2}))
    equal(lab.ctl("route", "load", file, check=False).returncode, 1)


def test_a_deleted_route_is_gone(lab):
    equal(len(lab.ctl("route", "delete", "0")["routes"]), 1)
    equal(curl(lab, "/items/1").status, 404)
    equal(curl(lab, "/v7/status", "-H", "Host: a.test").status, 202)


def test_routes_outlive_the_server(lab):
    lab.lab("kill", "pop")
    lab.lab("start", "pop")
    eventually(lambda: lab.ctl("route", "list", check=False).returncode == 0, "the server is back")
    equal(lab.ctl("route", "list")["routes"][0]["path"], "~/v[0-9]+/status")
    eventually(lambda: curl(lab, "/v7/status", "-H", "Host: a.test").status == 202, "the route leads to its function")


if __name__ == "__main__":
    keys.write(("alice", 'functions = ["*"]'), ("bob", 'functions = ["echo"]'))
    with rig.Rig(sys.argv[1], "m", regions=1, settings=[f"more={keys.text}"]) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
