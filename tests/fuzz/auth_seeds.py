"""Heads that are signed, or nearly, for the fuzz target `auth`: by the key and at the time that it believes in."""
import hashlib
import hmac

KEY, SECRET, TIME = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20261128T233000Z"
PATH = "/2015-03-31/functions/echo/invocations"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def head(path=PATH, sent_path=None, query="", sent_query=None, fields=(), unsigned=(), region="eu-central-1", body="{}"):
    """`fields` and `query` in canonical form; `sent_…` as they go out."""
    scope = f"{TIME[:8]}/{region}/lambda/aws4_request"
    signed = sorted([("host", "pop.example"), ("x-amz-date", TIME), *fields])
    names = ";".join(sorted({name for name, _ in signed}))
    text = "\n".join(["POST", path, query, *(f"{name}:{value}" for name, value in signed), "", names,
                      hashlib.sha256(body.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = mac(key, part)
    proof = mac(key, f"AWS4-HMAC-SHA256\n{TIME}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}").hex()
    said = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={proof}"
    query = query if sent_query is None else sent_query
    target = (sent_path or path) + ("?" + query if query else "")
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in [*signed, *unsigned, ("Authorization", said)])]
    return ("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def seeds():
    yield "good", head()
    yield "declared", head(fields=[("x-amz-content-sha256", hashlib.sha256(b"{}").hexdigest())])
    yield "unsigned-payload", head(fields=[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")])
    yield "query", head(query="A=%20&B=2&Qualifier=%24LATEST", sent_query="Qualifier=$LATEST&B=2&A=%20")
    yield "escapes", head(path=PATH.replace("echo", "a%253Ab"), sent_path=PATH.replace("echo", "a%3Ab"))
    yield "dots", head(sent_path="/x/.." + PATH.replace("/functions", "//./functions"))
    yield "broken-escape", head(query="Q=%2", sent_query="Q=%2")
    yield "many", head(query="&".join(f"k{i:02}=" for i in range(64)), fields=[(f"x-{i:02}", "a b") for i in range(50)])
    yield "token", head(fields=[("x-amz-security-token", "t")])
    yield "unsigned-header", head(unsigned=[("X-Amz-Log-Type", "Tail")])
    yield "spaces", head(fields=[("x-a", "a b c")]).replace(b"a b c", b"a \t b    c")
    yield "none", b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "twice", head().replace(b"Signature=", b"Signature=0, Signature=")
