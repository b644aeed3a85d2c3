"""Functions with a network, and without: what is granted is reached, and nothing else. All of it is between network
namespaces of this run's own."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import rig
import tap
from rig import status
from tap import equal, eventually

FUNCTIONS = pathlib.Path(__file__).resolve().parent / "functions"
NAME = f"skn{os.getpid()}"
CONFIGURATION = f'''
[[egress]]
name = "outside"
netns = "/run/netns/{NAME}"
subnet4 = "10.66.0.0/20"
subnet6 = "fd66::/64"
resolvers = ["10.99.0.53"]
to = ["0.0.0.0/0", "::/0"]
except = ["10.98.0.0/16"]
[[egress]]
name = "small"
netns = "/run/netns/{NAME}"
subnet4 = "10.67.0.0/30"
to = ["10.99.0.1/32"]
[[egress]]
name = "ports"
netns = "/run/netns/{NAME}"
subnet4 = "10.69.0.0/24"
to = ["10.99.0.0/24"]
tcp_ports = [8000]
[[egress]]
name = "gone"
netns = "/run/netns/{NAME}-gone"
subnet4 = "10.68.0.0/24"
to = ["0.0.0.0/0"]
'''


class Outside:
    """The operator's part: a namespace, and something in it to speak to."""

    def __enter__(self):
        self.ip("netns", "add", NAME)
        try:
            self.ip("-n", NAME, "link", "set", "lo", "up")
            for address in ("10.99.0.1/32", "10.99.0.53/32"):
                self.ip("-n", NAME, "addr", "add", address, "dev", "lo")
            self.ip("-n", NAME, "addr", "add", "fd99::1/128", "dev", "lo", "nodad")
            self.ip("netns", "exec", NAME, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            self.heard = tempfile.TemporaryFile("w+")
            self.process = subprocess.Popen(["ip", "netns", "exec", NAME, sys.executable, FUNCTIONS / "egress_outside.py"],
                                            stdout=self.heard)
            eventually(lambda: "up" in self.lines(), "a service outside")
        except BaseException:
            self.ip("netns", "del", NAME)
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.ip("netns", "del", NAME)

    def lines(self):
        self.heard.seek(0)
        return self.heard.read().splitlines()

    @staticmethod
    def ip(*words):
        done = subprocess.run(["ip", *words], text=True, capture_output=True, check=False)
        equal(done.returncode, 0, f"ip {words}: {done.stderr}")
        return done.stdout

    def links(self):
        return re.findall(r"^\d+: (sk[0-9a-f]{8})@", self.ip("-n", NAME, "link"), re.M)


def deploy(lab, name, *options, check=True):
    folder = lab.new_folder()
    (folder / "egress.py").write_bytes((FUNCTIONS / "egress.py").read_bytes())
    return lab.ctl("function", "deploy", name, "--artifact", folder, "--runtime", "python3", "--handler", "egress.handle",
                   "--place", "pop", "--timeout-ms", "8000", *options, check=check)


def ask(client, name, do, **event):
    reply = client.invoke(name, json.dumps({"do": do, **event}).encode(), deadline_ms=12000)
    return status(reply), json.loads(reply.payload) if reply.payload else None


def refused(done):
    assert done.returncode != 0, done.stdout
    return json.loads(done.stderr or done.stdout)["error"]


def test_an_unknown_network_is_refused(lab, outside):
    error = refused(deploy(lab, "lost", "--egress", "inside", check=False))
    equal((error["code"], error["allowed"]), ("no-egress", ["outside", "small", "ports", "gone"]))
    equal(refused(deploy(lab, "lost", "--egress", "Not/A/Name", check=False))["code"], "bad-value")


def test_a_network_that_is_not_there_is_named(lab, outside):
    error = refused(deploy(lab, "lost", "--egress", "gone", check=False))
    equal(error["code"], "start-failed")
    assert f"egress network gone: /run/netns/{NAME}-gone: No such file or directory; make it with: ip netns add" \
        in error["message"], error
    check = lab.run(lab.plan.skerryd, "--config", lab.plan.dir / "pop.toml", "--check", node="pop").stdout
    assert re.search(rf"^warning  egress network gone: .*; mend: ip netns add {NAME}-gone$", check, re.M), check
    assert re.search(rf"^warning  egress network outside: .*has no interface that is up but its loopback;", check, re.M), check
    assert re.search(r"^warning  egress network small: .*2 addresses for up to 64 workers", check, re.M), check


def test_granted_functions_reach_and_are_known(lab, outside):
    deploy(lab, "granted", "--egress", "outside", "--warm-min", "1", "--warm-max", "1")
    equal(lab.ctl("function", "describe", "granted")["limits"]["egress"], "outside")
    client = lab.client()
    said, body = ask(client, "granted", "tcp", address="10.99.0.1", port=8000)
    equal(said, "ok", body)
    _, body = ask(client, "granted", "udp", address="10.99.0.1", port=7000)
    address = body["heard"]
    assert address.startswith("10.66."), body
    equal(ask(client, "granted", "udp", address="fd99::1", port=7000)[1]["heard"][:6], "fd66::")
    equal(ask(client, "granted", "url", url="http://10.99.0.1:8000/")[1], {"heard": address})
    equal(ask(client, "granted", "url", url="http://service.test:8000/")[0], "ok", "by name")
    said, body = ask(client, "granted", "url", url="http://service.test:8000/")
    assert body["heard"] == address or body["heard"].startswith("fd66::"), body
    assert f"has {address} " in (lab.plan.dir / "pop.log").read_text(), "who has which address is in the server's log"
    links = outside.links()
    assert "sk" + "".join(f"{int(part):02x}" for part in address.split(".")) in links, (address, links)
    client.close()


def test_others_do_not(lab, outside):
    before = len(outside.lines())
    deploy(lab, "plain", "--warm-min", "1")
    client = lab.client()
    for where in ("10.99.0.1", "fd99::1"):
        for do in ("tcp", "udp"):
            equal(ask(client, "plain", do, address=where, port=7000)[1], {"error": "ENETUNREACH"})
    assert "error" in ask(client, "plain", "url", url="http://service.test:8000/")[1]
    client.close()
    equal(outside.lines()[before:], [], "what came of it")


def test_only_what_the_network_is_for(lab, outside):
    client = lab.client()
    for where in ("10.98.0.1", "169.254.169.254", "10.66.0.1", "224.0.0.1", "fd66::1"):
        equal(ask(client, "granted", "udp", address=where, port=7000)[1], {"error": "EACCES"}, where)
    # The server's own addresses, on its data and management networks, and its admin socket.
    for where in (lab.plan.address4("pop"), lab.plan.management("pop")):
        said, body = ask(client, "granted", "tcp", address=where, port=4600)
        assert body.get("error") in ("EACCES", "ENETUNREACH", "EHOSTUNREACH", "timed out"), (where, body)
    equal(ask(client, "granted", "tcp", address="127.0.0.1", port=4601)[1], {"error": "ECONNREFUSED"})
    equal(ask(client, "granted", "unix", path=str(lab.plan.admin_socket("pop")))[1], {"error": "ENOENT"})
    client.close()


def test_a_worker_changes_nothing_of_it(lab, outside):
    before = len(outside.lines())
    for do in ("raw", "packet", "freebind", "address", "route", "down", "enter"):
        client = lab.client()
        said, body = ask(client, "granted", do)
        assert said == "worker_died" or "error" in (body or {}), (do, said, body)
        client.close()
    client = lab.client()
    equal(ask(client, "granted", "netlink")[1], {"error": "EAFNOSUPPORT"})
    client.close()
    denied = lab.ctl("function", "describe", "granted")["versions"][-1]["denied"]
    assert {"socket", "setsockopt", "ioctl", "setns"} <= set(denied), denied
    equal(outside.lines()[before:], [], "what came of it")
    client = lab.client()
    equal(ask(client, "granted", "udp", address="10.99.0.1", port=7000)[0], "ok", "afterwards")
    client.close()


def test_the_other_kinds(lab, outside):
    folder = lab.new_folder()
    (folder / "bootstrap").write_text("""#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while true; do
    headers=$(mktemp)
    event=$(curl -sS -D "$headers" "$api/invocation/next")
    id=$(grep -i '^Lambda-Runtime-Aws-Request-Id:' "$headers" | tr -d '[:space:]' | cut -d: -f2)
    curl -sS -o /dev/null --data-binary "$(curl -sS -m 5 "$event" 2>&1)" "$api/invocation/$id/response"
done
""")
    (folder / "bootstrap").chmod(0o755)
    native = lab.new_folder()
    (native / "bootstrap").write_bytes((lab.plan.build / "tests/sandbox/warden/warden-bootstrap").read_bytes())
    (native / "bootstrap").chmod(0o755)
    client = lab.client()
    for granted in (True, False):
        options = ["--place", "pop", "--timeout-ms", "8000", *(["--egress", "outside"] if granted else [])]
        lab.ctl("function", "deploy", "shell", "--artifact", folder, "--runtime", "provided", *options)
        reply = client.invoke("shell", b"http://service.test:8000/", deadline_ms=12000)
        text = reply.payload.decode()
        assert text.startswith(("10.66.", "fd66::")) if granted else "Could not resolve" in text, text
        lab.ctl("function", "deploy", "native", "--artifact", native, *options)
        reply = client.invoke("native", b"tcp 10.99.0.1 8000", deadline_ms=12000)
        expected = b"reach=Connection timed out" if granted else b"reach=Address family not supported by protocol"
        equal(reply.payload[:len(expected)], expected)  # HTTP waits for more than "hello"
        reply = client.invoke("native", b"udp 10.99.0.1 7000", deadline_ms=12000)
        assert reply.payload.startswith(b"reach=ok 10.66." if granted else b"reach=Address family"), reply.payload
    client.close()


def test_a_grant_that_is_taken_away_is_gone(lab, outside):
    version = lab.ctl("function", "describe", "granted")["current"]
    deploy(lab, "granted", "--warm-min", "1")
    equal(lab.ctl("function", "describe", "granted")["current"], version, "a grant is the function's")
    client = lab.client()
    equal(ask(client, "granted", "udp", address="10.99.0.1", port=7000)[1], {"error": "ENETUNREACH"})
    client.close()
    lab.ctl("function", "delete", "native")
    lab.ctl("function", "delete", "shell")
    eventually(lambda: outside.links() == [], "no link of a worker")


def test_all_addresses_taken_is_said(lab, outside):
    error = refused(deploy(lab, "many", "--egress", "small", "--warm-min", "3", check=False))
    assert "egress network small: all 2 addresses of 10.67.0.0/30 have workers" in error["message"], error
    eventually(lambda: not any(link.startswith("sk0a43") for link in outside.links()), "the end of those that were started")
    deploy(lab, "many", "--egress", "small", "--warm-min", "1", "--warm-max", "1")
    client = lab.client()
    equal(ask(client, "many", "udp", address="10.99.0.1", port=7000)[0], "ok")
    equal(ask(client, "many", "udp", address="10.99.0.53", port=7000)[1], {"error": "ENETUNREACH"}, "outside of `to`")
    client.close()


def test_ports_that_a_network_is_for(lab, outside):
    folder = lab.new_folder()
    (folder / "egress.py").write_bytes((FUNCTIONS / "egress.py").read_bytes())
    done = deploy(lab, "web", "--egress", "ports", "--warm-min", "1", check=False)
    check = lab.run(lab.plan.skerryd, "--config", lab.plan.dir / "pop.toml", "--check", node="pop").stdout
    version = int((re.findall(r"Landlock: version (\d+)", check) or ["0"])[0])
    if version < 4:
        assert "Landlock" in refused(done)["message"], done
        return
    equal(done.returncode, 0, done.stderr)
    client = lab.client()
    equal(ask(client, "web", "url", url="http://10.99.0.1:8000/")[0], "ok")
    for where in ("10.99.0.1", "127.0.0.1"):
        equal(ask(client, "web", "tcp", address=where, port=8001)[1], {"error": "EACCES"}, where)
    # Which Landlock would not be asked about. The second is refused by the filter of system calls already.
    for way, error in (("fast open", "ENOTSUP"), ("fast open later", "ENOPROTOOPT")):
        equal(ask(client, "web", way, address="10.99.0.1", port=8001)[1], {"error": error}, way)
    equal(ask(client, "web", "udp", address="10.99.0.1", port=7000)[0], "ok", "UDP is another matter")
    equal(ask(client, "many", "tcp", address="10.99.0.1", port=8001)[1], {"error": "ECONNREFUSED"}, "of another network")
    client.close()
    lab.ctl("function", "delete", "web")


def test_regions_without_the_network_take_no_version(lab, outside):
    folder = lab.new_folder()
    (folder / "egress.py").write_bytes((FUNCTIONS / "egress.py").read_bytes())
    done = lab.ctl("function", "deploy", "wide", "--artifact", folder, "--runtime", "python3", "--handler",
                   "egress.handle", "--egress", "outside")
    (region,) = done["regions"]
    equal(region["ok"], False)
    assert "no-egress" in region["error"] and "has no egress network called" in region["error"], region
    equal(lab.ctl("function", "describe", "wide")["versions"][0]["held_by"], [])
    client = lab.client()
    equal(ask(client, "wide", "udp", address="10.99.0.1", port=7000)[0], "ok", "here")
    client.close()


def test_a_network_that_is_prepared_as_operations_says(lab, outside):
    """The commands of the page, with other names, on a machine that is a namespace of this test's own."""
    page = (rig.ROOT / "docs/operations.md").read_text()
    (commands,) = re.findall(r"^```bash\n(.*?)^```$", page, re.M | re.S)
    (rules,) = re.findall(r"^```nft\n(.*?)^```$", page, re.M | re.S)
    machine, network = f"{NAME}-host", f"{NAME}-gone"
    commands = re.sub(r"\binternet\b", network, commands)

    def on_machine(script, namespace=machine):
        done = subprocess.run(["nsenter", f"--net=/run/netns/{namespace}", "bash", "-eu", "-c", script], text=True,
                              capture_output=True, check=False)
        equal(done.returncode, 0, f"{script}: {done.stdout} {done.stderr}")

    server = None
    try:
        outside.ip("netns", "add", machine)
        on_machine("ip link set lo up; ip addr add 198.51.100.1/32 dev lo")
        on_machine(commands)
        on_machine(f"nft -f - <<'EOF'\n{rules}EOF", network)
        check = lab.run(lab.plan.skerryd, "--config", lab.plan.dir / "pop.toml", "--check", node="pop").stdout
        assert re.search("^ok       egress network gone: ", check, re.M), check
        script = (FUNCTIONS / "egress_outside.py").read_text().replace("8000", "80").replace("10.99.0.53", "198.51.100.1")
        server = subprocess.Popen(["ip", "netns", "exec", machine, sys.executable, "-c", script], stdout=subprocess.PIPE,
                                  text=True)
        equal(server.stdout.readline(), "up\n")
        deploy(lab, "prepared", "--egress", "gone", "--warm-min", "1")
        client = lab.client()
        equal(ask(client, "prepared", "url", url="http://198.51.100.1/")[1], {"heard": "100.64.66.2"}, "translated")
        equal(ask(client, "prepared", "udp", address="198.51.100.1", port=7000)[1], {"error": "timed out"}, "filtered")
        client.close()
    finally:
        if server is not None:
            server.kill()
            server.wait()
        for name in (machine, network):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_nothing_is_left_when_all_is_killed(lab, outside):
    assert outside.links(), "there are workers"
    warden, server = (int(lab.ctl("status")[key]) for key in ("warden_pid", "pid"))
    os.kill(server, signal.SIGKILL)
    os.kill(warden, signal.SIGKILL)
    eventually(lambda: outside.links() == [], "no link of a worker")


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w") as more, Outside() as made:
        more.write(CONFIGURATION)
        more.flush()
        with rig.Rig(sys.argv[1], "n", regions=1, settings=[f"more={more.name}"]) as lab_made:
            code = tap.run(sys.modules["__main__"], lab_made, made)
    sys.exit(code)
