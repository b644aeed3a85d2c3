"""Artifacts that are signed, and artifacts that are fetched: a POP and two regions, keys of openssl's and of skerryctl's, and an HTTPS
server that does what it should not. Everywhere but in one region all versions have to be signed."""
import hashlib
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import zipfile

import rig
import tap
from tap import equal, eventually

from nodes import start, wait_until_up
from run import command, end

PORT = 8443
AWS_KEY = ("AKIDMANAGER00000000A", "the/managers+secret=of:forty:letters:001")


class Signed(rig.Rig):
    def __init__(self, build):
        super().__init__(build, "s", regions=2)
        self.keys = self.new_folder()
        self.ctl_ = pathlib.Path(build) / "tools/skerryctl/skerryctl"
        # One of each kind of maker; the third is nobody's.
        command("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.keys / "old")
        command("openssl", "pkey", "-in", self.keys / "old", "-pubout", "-out", self.keys / "old.pub")
        (self.keys / "old").chmod(0o600)
        for name in ("new", "stranger"):
            command(self.ctl_, "artifact", "keygen", self.keys / name)
        self.texts = {}
        for where in ("more", "more_regions"):
            self.texts[where] = self.new_folder() / "artifacts.toml"
            self.texts[where].write_text((self.lambda_api() if where == "more" else "") + self.config("old", "new"))
            self.options += ["--set", f"{where}={self.texts[where]}"]

    def lambda_api(self):
        secret = self.keys / "secret"
        secret.touch(0o600)
        secret.write_text(AWS_KEY[1])
        return (f'\n[lambda_api]\nlisten = "{self.plan.management("pop")}:4602"\n[[access_key]]\nid = "{AWS_KEY[0]}"\n'
                f'secret_file = "{secret}"\nfunctions = ["*"]\nmanage = true\n')

    def aws(self, *words):
        """AWS's command-line client."""
        return self.run("env", "HOME=/nonexistent", f"AWS_ACCESS_KEY_ID={AWS_KEY[0]}", f"AWS_SECRET_ACCESS_KEY={AWS_KEY[1]}",
                        "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "/usr/bin/aws", "--endpoint-url",
                        f"http://{self.plan.management('pop')}:4602", "lambda", *words)

    def config(self, *keys, require=True, more=""):
        files = ", ".join(f'"{self.keys / key}.pub"' for key in keys)
        return f'\n[artifacts]\ntrusted_keys = [{files}]\nrequire_signature = {str(require).lower()}\n{more}'

    def reconfigure(self, node, text):
        """The server with another [artifacts], after a restart."""
        path = self.plan.dir / f"{node}.toml"
        path.write_text(path.read_text().split("\n[artifacts]")[0] + text)
        end(self.plan.dir / f"{node}.pid")
        start(self.plan, node)
        wait_until_up(self.plan, [node])

    def fingerprint(self, key):
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.keys / f"{key}.pub", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        return hashlib.sha256(der).hexdigest()

    def describe(self, name, node="pop"):
        return self.ctl("function", "describe", name, node=node)

    def version(self, name, version=None, node="pop"):
        found = self.describe(name, node)
        return next(each for each in found["versions"] if each["version"] == (version or found["current"]))

    def region(self, name, region):
        return next(each for each in self.describe(name)["region_states"] if each["region"] == region)

    def refused(self, *words, node="pop"):
        done = self.ctl("function", "deploy", *words, node=node, check=False)
        equal(done.returncode, 1, f"{words}: {done.stdout} {done.stderr}")
        return json.loads(done.stderr)["error"]

    def invoke(self, name):
        done = self.run(self.skerryctl, "--json", "invoke", name, "--pop", self.plan.pop, "--payload", "x")
        return json.loads(done.stdout)["status"] if done.stdout.startswith("{") else done.stderr


def test_only_signed_versions_are_taken(lab):
    folder = lab.artifact("echo", release_txt="1")
    equal(lab.refused("f", "--artifact", folder)["code"], "unsigned")
    equal(lab.refused("f", "--artifact", folder, "--sign-key", lab.keys / "stranger")["code"], "untrusted-key")
    assert "f" not in [each["name"] for each in lab.ctl("function", "list")["functions"]]
    done = lab.ctl("function", "deploy", "f", "--artifact", folder, "--sign-key", lab.keys / "old", "--warm-min", "1")
    equal([each.get("error") for each in done["regions"]], [None, None])
    shown = lab.version("f")
    equal((shown["signed_by"], shown["verified"], shown["state"]), (lab.fingerprint("old"), True, "ready"))
    equal(lab.invoke("f"), "ok")
    for region in ("r1", "r2"):
        equal(lab.region("f", region)["state"], "current")
        equal(lab.version("f", node=region)["signed_by"], lab.fingerprint("old"))
    text = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), "function", "describe", "f").stdout
    assert "SIGNED BY" in text and lab.fingerprint("old")[:12] in text, text


def test_a_signature_fits_nothing_else(lab):
    folder, signature = lab.artifact("echo", release_txt="2"), lab.new_folder() / "f.sig"
    lab.ctl("artifact", "sign", "f", "--artifact", folder, "--sign-key", lab.keys / "new", "--output", signature)
    with_it = ("--artifact", folder, "--signature", signature)
    equal(lab.refused("g", *with_it)["code"], "bad-signature")
    equal(lab.refused("f", *with_it, "--env", "LD_LIBRARY_PATH=/tmp")["code"], "bad-signature")
    equal(lab.refused("f", "--artifact", lab.artifact("echo", release_txt="3"), "--signature", signature)["code"], "bad-signature")
    verify = ("artifact", "verify", "f", *with_it, "--key")
    equal(lab.ctl(*verify, lab.keys / "new.pub")["signed_by"], lab.fingerprint("new"))
    equal(lab.ctl(*verify, lab.keys / "old.pub", check=False).returncode, 1)
    lab.ctl("function", "deploy", "f", *with_it)
    # Other limits need no other signature: it is the same version.
    lab.ctl("function", "deploy", "f", "--artifact", folder, "--timeout-ms", "2000", "--warm-min", "1")
    equal(lab.version("f")["signed_by"], lab.fingerprint("new"))


def test_openssl_signs_as_well(lab):
    folder, work = lab.artifact("echo", release_txt="4"), lab.new_folder()
    statement = lab.run(lab.skerryctl, "artifact", "statement", "f", "--artifact", folder).stdout
    assert statement.startswith("skerry artifact signature 1\nfunction f\narchive "), statement
    (work / "statement").write_text(statement)
    command("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", lab.keys / "old", "-in", work / "statement", "-out", work / "raw")
    (work / "sig").write_text(f"ed25519.{lab.fingerprint('old')}.{(work / 'raw').read_bytes().hex()}\n")
    lab.ctl("function", "deploy", "f", "--artifact", folder, "--signature", work / "sig", "--warm-min", "1")
    equal(lab.version("f")["verified"], True)


def test_awss_calls_carry_no_signature(lab):
    path, version = lab.new_folder() / "app.zip", lab.describe("f")["current"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("app.py", "def handle(event, context):\n    return 1\n")
    calls = [("create-function", "--function-name", "by-aws", "--runtime", "python3.11", "--handler", "app.handle",
              "--role", "arn:aws:iam::000000000000:role/skerry", "--zip-file", f"fileb://{path}"),
             ("update-function-code", "--function-name", "f", "--zip-file", f"fileb://{path}")]
    for call in calls:
        done = lab.aws(*call)
        assert done.returncode != 0 and "(CodeVerificationFailedException)" in done.stderr, (call, done.stdout, done.stderr)
    # What needs no new version needs no new signature.
    done = lab.aws("update-function-configuration", "--function-name", "f", "--timeout", "4")
    equal(done.returncode, 0, done.stderr)
    equal((lab.describe("f")["current"], lab.version("f")["verified"]), (version, True))


def test_a_region_judges_by_itself(lab):
    lab.reconfigure("r2", lab.config("new"))
    done = lab.ctl("function", "deploy", "judged", "--artifact", lab.artifact("echo", release_txt="5"), "--sign-key", lab.keys / "old")
    by_name = {each["name"]: each.get("error") for each in done["regions"]}
    assert by_name["r1"] is None and "no key trusted here" in by_name["r2"], done
    state = lab.region("judged", "r2")
    equal(state["state"], "failed")
    assert lab.fingerprint("old") in state["error"], state
    # It has forgotten what it trusted once: so the POP tells it again, and is told why not.
    eventually(lambda: lab.region("f", "r2")["state"] == "failed", "what was replicated before is not executed there any more")
    equal(lab.version("f", node="r2")["state"], "untrusted")
    equal(lab.version("f")["held_by"], ["r1"])
    # Signed by the other key, the same version is good everywhere.
    lab.ctl("function", "deploy", "judged", "--artifact", lab.artifact("echo", release_txt="5"), "--sign-key", lab.keys / "new")
    equal(lab.region("judged", "r2")["state"], "current")
    equal(lab.version("judged", node="r2")["verified"], True)


def test_a_withdrawn_key_starts_nothing(lab):
    folder = lab.artifact("echo", release_txt="6")
    old = lab.ctl("function", "deploy", "f", "--artifact", folder, "--sign-key", lab.keys / "old", "--warm-min", "1")["version"]
    lab.reconfigure("pop", lab.config("new"))
    shown = lab.version("f")
    equal((shown["state"], shown["workers"], shown["verified"]), ("untrusted", 0, False))
    assert "no key trusted here" in shown["last_error"], shown
    assert lab.invoke("f") != "ok", "neither here nor, from here, in a region"
    equal(lab.version("judged")["state"] in ("ready", "idle"), True)
    # Signed anew it is the same version, and starts.
    done = lab.ctl("function", "deploy", "f", "--artifact", folder, "--sign-key", lab.keys / "new", "--warm-min", "1")
    equal(done["version"], old)
    equal(lab.version("f")["state"], "ready")
    equal(lab.invoke("f"), "ok")
    eventually(lambda: lab.version("f", node="r2")["verified"], "the region has the new signature")


class Origin(http.server.BaseHTTPRequestHandler):
    files, asked, breaks, hold = {}, [], set(), threading.Event()
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.split("?")[0]
        Origin.asked.append((name, self.headers.get("Range")))
        if name == "/away":
            return self.reply(302, b"", ("Location", f"http://{self.server.server_address[0]}:1/metadata"))
        body = Origin.files.get(name)
        if body is None:
            return self.reply(404, b"no such file")
        begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        extra = [("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")] if begin else []
        if name not in Origin.breaks:
            return self.reply(206 if begin else 200, body[begin:], *extra)
        Origin.breaks.discard(name)
        self.reply(200, body[:len(body) // 2], length=len(body))
        self.close_connection = True

    def reply(self, status, body, *headers, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        for each in headers:
            self.send_header(*each)
        self.end_headers()
        self.wfile.write(body[:1000])
        self.wfile.flush()
        if self.path.startswith("/slow"):
            Origin.hold.wait(20)
        try:
            self.wfile.write(body[1000:])
        except OSError:
            pass  # the other side had its reasons


def serve(lab):
    """HTTPS in the region's namespace, on the network beside the packet path's; its certificate is of an authority of its own."""
    folder, host = lab.new_folder(), lab.plan.management("r1")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    command("openssl", "req", "-x509", *key, "-subj", "/CN=builds", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    command("openssl", "req", *key[:5], "-subj", "/CN=origin", "-addext", f"subjectAltName=IP:{host}", "-keyout", folder / "key",
            "-out", folder / "csr")
    command("openssl", "x509", "-req", "-in", folder / "csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-days", "30", "-copy_extensions", "copy", "-out", folder / "cert")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{lab.plan.namespace('r1')}", os.O_RDONLY)
    try:
        enter(there)
        server = http.server.ThreadingHTTPServer((host, PORT), Origin)
    finally:
        enter(here)
        os.close(there)
        os.close(here)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return folder / "ca.pem", f"https://{host}:{PORT}"


def enter(namespace):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def packed(lab, **files):
    folder, path = lab.artifact("echo", **files), lab.new_folder() / "function.tar.gz"
    command("tar", "-C", folder, "-czf", path, ".")
    return path.read_bytes()


def test_without_a_list_nothing_inside_is_asked(lab):
    lab.ca, lab.url = serve(lab)
    digest = hashlib.sha256(b"x").hexdigest()
    words = ("--sha256", digest, "--sign-key", lab.keys / "new")
    for url in (lab.url + "/a", "http://127.0.0.1:1/a", "http://169.254.169.254/latest/meta-data", "http://[::1]/"):
        equal(lab.refused("fetched", "--artifact", url, *words)["code"], "origin-not-allowed", url)
    equal(Origin.asked, [])
    equal(lab.ctl("function", "deploy", "fetched", "--artifact", lab.url + "/a", check=False).returncode, 2, "no digest")
    # What is not to be trusted is not even asked for.
    equal(lab.refused("fetched", "--artifact", lab.url + "/a", "--sha256", digest)["code"], "unsigned")


def test_an_artifact_is_fetched_by_its_digest(lab):
    more = f'origins = ["{lab.url}"]\ntls_ca = "{lab.ca}"\nfetch_timeout_s = 4\n'
    lab.reconfigure("pop", lab.config("new", more=more))
    body = packed(lab, release_txt="fetched")
    lab.digest = hashlib.sha256(body).hexdigest()
    Origin.files["/f.tar.gz"] = body
    Origin.breaks.add("/f.tar.gz")
    lab.words = ("--sha256", lab.digest, "--sign-key", lab.keys / "new", "--warm-min", "1")
    done = lab.ctl("function", "deploy", "fetched", "--artifact", lab.url + "/f.tar.gz?token=secret", *lab.words)
    equal([each.get("error") for each in done["regions"]], [None, None])
    equal(lab.invoke("fetched"), "ok")
    # It broke off in its middle, and was resumed there.
    equal([each for each, _ in Origin.asked], ["/f.tar.gz"] * 2)
    equal(Origin.asked[1][1], f"bytes={len(body) // 2}-")
    fetch = lab.ctl("artifact", "fetches")["fetches"][-1]
    equal((fetch["state"], fetch["received_bytes"], fetch["bytes"], fetch["tries"]), ("fetched", len(body), len(body), 2))
    assert "secret" not in json.dumps(fetch), fetch
    # What is here is not fetched again.
    signed = ("--sha256", lab.digest, "--sign-key", lab.keys / "new")
    lab.ctl("function", "deploy", "again", "--artifact", lab.url + "/f.tar.gz", *signed)
    equal(len(Origin.asked), 2)


def test_a_fetch_that_fails_changes_nothing(lab):
    before = lab.describe("fetched")["current"]
    for path, code in (("/nothing", "fetch-failed"), ("/away", "origin-not-allowed")):
        other = ("--sha256", hashlib.sha256(path.encode()).hexdigest(), "--sign-key", lab.keys / "new")
        equal(lab.refused("fetched", "--artifact", lab.url + path, *other)["code"], code)
    Origin.files["/wrong"] = b"not what was meant"
    other = ("--sha256", hashlib.sha256(b"meant").hexdigest(), "--sign-key", lab.keys / "new")
    equal(lab.refused("fetched", "--artifact", lab.url + "/wrong", *other)["code"], "digest-mismatch")
    last = lab.ctl("artifact", "fetches")["fetches"][-1]
    equal(last["state"], "failed")
    assert "hashes to" in last["error"], last
    equal((lab.describe("fetched")["current"], lab.invoke("fetched")), (before, "ok"))


def test_a_slow_origin_is_seen_and_delays_nobody(lab):
    body = packed(lab, release_txt="slow")
    Origin.files["/slow"] = body
    results = []
    words = ("function", "deploy", "fetched", "--artifact", lab.url + "/slow", "--sha256", hashlib.sha256(body).hexdigest(),
             "--sign-key", lab.keys / "new")
    thread = threading.Thread(target=lambda: results.append(lab.ctl(*words, check=False)))
    thread.start()
    fetch = eventually(lambda: [each for each in lab.ctl("artifact", "fetches")["fetches"]
                                if each["state"] == "fetching" and each["received_bytes"] == 1000], "it is under way")[0]
    equal((fetch["function"], fetch["bytes"]), ("fetched", len(body)))
    lab.ctl("function", "deploy", "meanwhile", "--artifact", lab.artifact("echo", release_txt="7"), "--sign-key", lab.keys / "new")
    # Its time is over before the server goes on.
    thread.join(15)
    Origin.hold.set()
    error = json.loads(results[0].stderr)["error"]
    equal(error["code"], "fetch-failed")
    assert "fetch_timeout_s" in error["message"], error


if __name__ == "__main__":
    with Signed(sys.argv[1]) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
