"""A browser as a client: headless Chromium renders what functions make, and its pages invoke functions. Its HTTP and its TCP speak to the POP.

A function's answer has Content-Type application/json, whatever it is: a browser shows it as text when it is sent to it (by a form), and a page
that fetched it makes a document of it. Pages of other origins may, if `http.allow_origin` says so."""
import html
import re
import shutil
import sys

import rig
import tap
from tap import equal, eventually

INVOKE = "/2015-03-31/functions/{}/invocations"
LOADER = """<!doctype html>
<script>
window.api = "{api}";
fetch(api + "{path}", {{method: "POST", headers: {{"Content-Type": "application/json"}}, body: JSON.stringify({{name: "<Ada>"}})}})
  .then(answer => answer.json())
  .then(page => {{ document.open(); document.write(page.body); document.close(); }})
  .catch(error => document.title = "not read: " + error);
</script>
"""
FORM = """<!doctype html>
<form method="post" enctype="text/plain" action="{url}"><input name='{{"numbers": [20, 22], "rest": "' value='"}}'></form>
<script>document.forms[0].submit()</script>
"""


def dom(lab, text, name="page.html"):
    """What the browser has made of a page of ours when nothing is left to be loaded."""
    folder = lab.new_folder()
    (folder / name).write_text(text)
    done = lab.run("timeout", "60", "env", f"HOME={folder}", "chromium-headless-shell", "--no-sandbox", "--disable-gpu",
                   f"--user-data-dir={folder}/profile", "--virtual-time-budget=30000", "--dump-dom", f"file://{folder}/{name}")
    equal(done.returncode, 0, done.stderr[-2000:])
    return done.stdout


def title(document):
    return html.unescape("".join(re.findall(r"<title>(.*?)</title>", document, re.S)))


def paragraphs(document):
    return {name: html.unescape(text) for name, text in re.findall(r'<(?:p|h1) id="(\w+)">(.*?)</(?:p|h1)>', document, re.S)}


def test_functions_to_be_called(lab):
    folder = lab.new_folder() / "page"
    shutil.copytree(rig.ROOT / "tests/integration/functions/page", folder)
    lab.ctl("function", "deploy", "page", "--artifact", folder, "--runtime", "python3", "--handler", "handler.handle",
            "--place", "pop", "--warm-min", "1")
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1", "--max-payload-bytes", str(6 << 20))


def test_a_page_made_by_a_function_is_rendered(lab):
    before = lab.reasons()
    document = dom(lab, LOADER.format(api=lab.plan.pop_url(), path=INVOKE.format("page")))
    equal(title(document), "done", document[-3000:])
    equal(paragraphs(document), {"greeting": "Hello, <Ada>", "sums": "50 of 50 right, 50 request ids", "large": "3 of 3 came back",
                                 "refused": "404 ResourceNotFoundException"})
    after = lab.reasons()
    # Some 55 invocations and as many preflights at most, over the handful of connections that a browser opens to a server.
    connections = after["tcp_syn_taken"] - before["tcp_syn_taken"]
    assert 1 <= connections <= 8, connections


def test_and_over_ipv6(lab):
    document = dom(lab, LOADER.format(api=lab.plan.pop_url(6), path=INVOKE.format("page")))
    equal(title(document), "done", document[-3000:])


def test_an_answer_as_a_page(lab):
    """A form's answer is shown as what its type says: text."""
    document = dom(lab, FORM.format(url=lab.plan.pop_url() + INVOKE.format("page")))
    assert html.unescape("".join(re.findall(r"<pre>(.*?)</pre>", document, re.S))) == '{"sum": 42}', document


def test_pages_of_nobody_in_particular_may_not(lab):
    """A POP that allows no origin: its answers are not for web pages."""
    with rig.Rig(sys.argv[1], "k") as other:
        other.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
        document = dom(other, LOADER.format(api=other.plan.pop_url(), path=INVOKE.format("echo")))
        assert title(document).startswith("not read: TypeError"), document


def test_nothing_is_left(lab):
    def gone():
        core = lab.ctl("stats")["cores"][0]
        core["connections"] -= core["trunks"]
        left = {name: core[name] for name in ("connections", "exchanges", "payload_buffers", "in_flight", "waiting")}
        return not any(left.values())
    eventually(gone, "everything of the browser's is gone")


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "b", settings=["allow_origin=*"]) as the_lab:
        sys.exit(tap.run(sys.modules[__name__], the_lab))
