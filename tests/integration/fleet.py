"""Two POPs that share their functions through an etcd of three members, with TLS and a user: members are killed and cut
off, history is compacted, everything is lost and comes back."""
import base64
import json
import re
import shutil
import signal
import sys
import threading
import time

import rig
import tap
from tap import equal, eventually

from network import address, wire
from nodes import kill, start, wait_until_up
from run import command, end, spawn

POP2 = "10.77.2.2"
MEMBERS = {f"etcd{i}": f"10.78.0.{200 + i}" for i in (1, 2, 3)}
PASSWORD = "a-password-of-skerry"


class Fleet(rig.Rig):
    def __init__(self, build):
        super().__init__(build, "y", regions=1)
        self.password = self.new_folder() / "password"
        self.password.write_text(PASSWORD)
        self.password.chmod(0o600)
        # etcd's gateway takes no certificate with a common name once it has users: it could not be one of them.
        self.client = self.new_folder()
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/O=skerry", "-keyout", self.client / "store.key", "-out", self.client / "store.pem")
        store = self.new_folder() / "store.toml"
        store.write_text(self.store(MEMBERS))
        self.options += ["--set", f"fleet={store}"]
        self.token = None

    def store(self, members):
        tls = self.plan.dir / "tls"
        urls = ", ".join(f'"https://{MEMBERS[each]}:2379"' for each in members)
        return f'''
[store]
kind = "etcd"
endpoints = [{urls}]
prefix = "/skerry/test"
user = "skerry"
password_file = "{self.password}"
tls_ca = "{tls / 'ca.pem'}"
tls_cert = "{self.client / 'store.pem'}"
tls_key = "{self.client / 'store.key'}"
lease_s = 3
'''

    def certify(self, name, *extensions):
        tls = self.plan.dir / "tls"
        command("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                *extensions, "-keyout", tls / f"{name}.key", "-out", tls / f"{name}.csr")
        command("openssl", "x509", "-req", "-in", tls / f"{name}.csr", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key",
                "-CAcreateserial", "-days", "30", "-copy_extensions", "copy", "-out", tls / f"{name}.pem")

    def node(self, name, management):
        """One more namespace of this lab, on the network beside the packet path's."""
        namespace, router = self.plan.namespace(name), self.plan.namespace("router")
        command("ip", "netns", "add", namespace)
        command("ip", "-n", namespace, "link", "set", "lo", "up")
        wire(namespace, "mgmt0", router, f"m-{name}")
        command("ip", "-n", router, "link", "set", f"m-{name}", "master", "mgmt")
        address(namespace, "mgmt0", management + "/24")

    def cut(self, name, off=True):
        command("ip", "-n", self.plan.namespace("router"), "link", "set", f"m-{name}", "down" if off else "up")

    def add_pop2(self):
        plan, router = self.plan, self.plan.namespace("router")
        self.node("pop2", "10.78.0.100")
        wire(plan.namespace("pop2"), "dp0", router, "pop2")
        address(router, "pop2", "10.77.2.1/24", "fd77:2::1/64")
        self.certify("pop2")
        plan.node_dir("pop2").mkdir()
        text = (plan.dir / "pop.toml").read_text().split("\n[store]")[0]
        for old, new in (('name = "pop"', 'name = "pop2"'), ("/pop/", "/pop2/"), ("/pop\"", "/pop2\""), ("/pop.", "/pop2."),
                         ("10.77.1.", "10.77.2."), ("fd77:1:", "fd77:2:"), ("10.78.0.1:", "10.78.0.100:"),
                         (f"first_uid = {plan.first_uid}", f"first_uid = {plan.first_uid + 5000}")):
            assert old in text, old
            text = text.replace(old, new)
        (plan.dir / "pop2.toml").write_text(text + self.store(("etcd2", "etcd3", "etcd1")))
        start(plan, "pop2")
        wait_until_up(plan, ["pop2"])

    def start_member(self, name):
        plan, tls, host = self.plan, self.plan.dir / "tls", MEMBERS[name]
        files = ["--cert-file", tls / f"{name}.pem", "--key-file", tls / f"{name}.key", "--trusted-ca-file", tls / "clients.pem",
                 "--client-cert-auth", "--peer-cert-file", tls / f"{name}.pem", "--peer-key-file", tls / f"{name}.key",
                 "--peer-trusted-ca-file", tls / "ca.pem", "--peer-client-cert-auth"]
        spawn(plan.dir / f"{name}.pid", plan.dir / f"{name}.log", plan.namespace(name), "etcd", "--name", name,
              "--data-dir", plan.dir / f"{name}.data", "--listen-client-urls", f"https://{host}:2379",
              "--advertise-client-urls", f"https://{host}:2379", "--listen-peer-urls", f"https://{host}:2380",
              "--initial-advertise-peer-urls", f"https://{host}:2380", "--initial-cluster",
              ",".join(f"{each}=https://{ip}:2380" for each, ip in MEMBERS.items()),
              "--heartbeat-interval", "50", "--election-timeout", "500", "--bcrypt-cost", "4", *files)

    def kill_member(self, name):
        end(self.plan.dir / f"{name}.pid", signal.SIGKILL)

    def add_etcd(self):
        for name, host in MEMBERS.items():
            self.node(name, host)
            self.certify(name, "-addext", f"subjectAltName=IP:{host}")
        tls = self.plan.dir / "tls"
        (tls / "clients.pem").write_text((self.client / "store.pem").read_text() + (tls / "ca.pem").read_text())
        for name in MEMBERS:
            self.start_member(name)
        self.add_users()

    def add_users(self):
        eventually(lambda: self.ask("/v3/maintenance/status", {}), "etcd has a leader")
        for who, role, key, last in (("root", "root", "", ""), ("skerry", "fleet", "/skerry/", "/skerry0")):
            self.ask("/v3/auth/role/add", {"name": role})
            if key:
                self.ask("/v3/auth/role/grant", {"name": role, "perm": {"permType": "READWRITE", "key": encoded(key),
                                                                       "range_end": encoded(last)}})
            self.ask("/v3/auth/user/add", {"name": who, "password": PASSWORD})
            self.ask("/v3/auth/user/grant", {"user": who, "role": role})
        self.ask("/v3/auth/enable", {})
        self.log_in()

    def log_in(self):
        self.token = None
        answer = eventually(lambda: self.ask("/v3/auth/authenticate", {"name": "root", "password": PASSWORD}), "etcd knows root")
        self.token = json.loads(answer)["token"]

    def ask(self, path, body, member="etcd3"):
        """etcd itself, by curl: what it says, or None."""
        tls = self.plan.dir / "tls"
        words = ["curl", "-sf", "-m", "3", "--cacert", tls / "ca.pem", "--cert", self.client / "store.pem", "--key", self.client / "store.key",
                 f"https://{MEMBERS[member]}:2379{path}", "-d", json.dumps(body)]
        if self.token:
            words += ["-H", f"Authorization: {self.token}"]
        done = self.run(*words)
        return done.stdout if done.returncode == 0 else None

    def look(self, node):
        return self.ctl("status", node=node)["store"]

    def functions(self, node):
        """What a server has, in the parts that the whole fleet should agree on."""
        return {each["name"]: (each["current"], [one["version"] for one in each["versions"]], each["aliases"], each["limits"])
                for each in self.ctl("function", "list", node=node)["functions"]}

    def agree(self, what, patience_s=15.0):
        eventually(lambda: self.functions("pop") == self.functions("pop2"), f"both POPs have {what}", patience_s)

    def fresh(self, *nodes, patience_s=15.0):
        for node in nodes:
            eventually(lambda: self.look(node)["fresh"], f"{node} is fresh: {self.look(node)}", patience_s)

    def insist(self, *words):
        """For what may be said twice: while etcd is between two leaders it may be unknown what came of it."""
        def done():
            try:
                self.ctl(*words)
            except AssertionError as error:
                if '"code":"store-un' not in str(error):
                    raise
                return False
            return True
        eventually(done, " ".join(words))

    def invoke(self, name, node, *words):
        pop = self.plan.pop if node == "pop" else f"{POP2}:4600"
        done = self.run(self.skerryctl, "--json", "invoke", name, "--pop", pop, "--payload", '"x"', *words)
        equal(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def refused(self, node, *words):
        done = self.ctl(*words, node=node, check=False)
        equal(done.returncode, 1, f"{words}: {done.stdout} {done.stderr}")
        return json.loads(done.stderr)["error"]


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_without_etcd_a_server_starts_and_says_what_it_lacks(lab):
    store = lab.look("pop")
    equal((store["kind"], store["joined"], store["fresh"], store["age_s"]), ("etcd", False, False, -1))
    began = time.monotonic()
    error = lab.refused("pop", "function", "deploy", "early", "--artifact", lab.artifact("echo"))
    equal(error["code"], "store-unavailable", error)
    assert "nothing was changed" in error["message"], error
    assert time.monotonic() - began < 5
    equal(lab.functions("pop"), {})


def test_servers_join_as_soon_as_etcd_is_there(lab):
    lab.add_etcd()
    lab.add_pop2()
    lab.fresh("pop", "pop2")
    for node in ("pop", "pop2"):
        members = {each["name"]: each["management"] for each in eventually(
            lambda: lab.look(node)["members"] if len(lab.look(node)["members"]) == 2 else None, "two members")}
        equal(members, {"pop": "10.78.0.1:4601", "pop2": "10.78.0.100:4601"})
    text = lab.run(lab.skerryctl, "--admin", lab.plan.admin_socket("pop"), "status").stdout
    assert re.search(r"fresh", text) and "pop, pop2" in text, text


def test_a_deploy_at_one_is_everywhere(lab):
    version = lab.deploy("shared", "echo", "--warm-min", "1", release_txt="1")["version"]
    lab.agree("the deploy")
    equal(lab.functions("pop2")["shared"][0], version)
    for node in ("pop", "pop2"):
        answer = lab.invoke("shared", node)
        equal((answer["status"], answer["version"]), ("ok", version[:16]))
    blob = lab.plan.node_dir("pop2") / f"artifacts/{version}.blob"
    equal(blob.read_bytes(), (lab.plan.node_dir("pop") / f"artifacts/{version}.blob").read_bytes())
    # The other way round, with the alias that was set here.
    lab.ctl("function", "alias", "shared", "stable", "--version", version, node="pop2")
    folder = lab.artifact("echo", release_txt="2")
    new = lab.ctl("function", "deploy", "shared", "--artifact", folder, "--warm-min", "1", node="pop2")["version"]
    lab.agree("the second version")
    equal(lab.invoke("shared", "pop")["version"], new[:16])
    equal(lab.invoke("shared", "pop", "--qualifier", "stable")["version"], version[:16])
    # Neither of them takes from the region what the other has given it.
    held = eventually(lambda: [each for each in lab.ctl("function", "list", node="r1")["functions"]
                               if each["current"] == new], "the region has the second version")
    equal(len(held), 1)


def test_changes_at_the_same_time_do_not_undo_each_other(lab):
    version = lab.functions("pop")["shared"][0]
    conflicts, problems = [], []

    def set_all(node):
        for i in range(3):
            while True:
                done = lab.ctl("function", "alias", "shared", f"{node}-{i}", "--version", version, node=node, check=False)
                if done.returncode == 0:
                    break
                code = json.loads(done.stderr)["error"]["code"]
                if code != "conflict":
                    return problems.append(code)
                conflicts.append(node)

    threads = [threading.Thread(target=set_all, args=(node,)) for node in ("pop", "pop2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(problems, [])
    lab.agree("all aliases")
    equal(sorted(lab.functions("pop")["shared"][2]),
          sorted(["stable"] + [f"{node}-{i}" for node in ("pop", "pop2") for i in range(3)]))


def test_a_member_of_etcd_is_killed(lab):
    lab.kill_member("etcd1")
    lab.fresh("pop", "pop2")
    lab.deploy("killed", "echo", "--place", "pop")
    lab.agree("what was deployed without etcd1")
    lab.start_member("etcd1")


def test_a_member_of_etcd_is_cut_off(lab):
    # The one that pop2 watches. It does not say that it has lost the others: nothing of it arrives.
    lab.cut("etcd2")
    eventually(lambda: lab.look("pop")["fresh"], "the others have a leader")
    version = lab.functions("pop")["shared"][0]
    lab.insist("function", "alias", "shared", "while-cut", "--version", version)
    lab.agree("an alias set while etcd2 was cut off")
    lab.cut("etcd2", off=False)
    lab.fresh("pop", "pop2")


def test_history_is_compacted_during_a_watch(lab):
    lab.fresh("pop", "pop2")
    before = lab.look("pop2")
    lab.cut("pop2")
    eventually(lambda: not lab.look("pop2")["fresh"], "pop2 sees that it has lost etcd")
    # Or its connection would outlive the cut, and be told everything.
    for name in MEMBERS:
        lab.kill_member(name)
        lab.start_member(name)
    lab.log_in()
    lab.fresh("pop")
    version = lab.functions("pop")["shared"][0]
    lab.ctl("function", "alias", "shared", "while-cut", "--delete")
    lab.ctl("function", "delete", "killed")
    lab.ctl("function", "alias", "shared", "compacted", "--version", version)
    revision = lab.look("pop")["revision"]
    assert lab.ask("/v3/kv/compaction", {"revision": str(revision), "physical": True}) is not None
    equal(lab.invoke("killed", "pop2")["status"], "ok", "what pop2 has not heard of")
    lab.cut("pop2", off=False)
    lab.agree("what happened before the compaction")
    lab.fresh("pop2")
    after = lab.look("pop2")
    assert after["compactions"] > before["compactions"] and after["lists"] > before["lists"], (before, after)


def test_all_of_etcd_is_lost_and_comes_back(lab):
    for name in MEMBERS:
        lab.kill_member(name)
    eventually(lambda: not lab.look("pop")["fresh"] and not lab.look("pop2")["fresh"], "both see it")
    for node in ("pop", "pop2"):
        equal(lab.invoke("shared", node)["status"], "ok")
    error = lab.refused("pop", "function", "deploy", "later", "--artifact", lab.artifact("echo"))
    equal(error["code"], "store-unavailable", error)
    equal(lab.refused("pop2", "function", "delete", "shared")["code"], "store-unavailable")
    # Also a server that begins now has what it had.
    kill(lab.plan, "pop2")
    time.sleep(0.5)  # the warden ends after it
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    equal(lab.functions("pop2"), lab.functions("pop"))
    eventually(lambda: lab.invoke("shared", "pop2")["status"] == "ok", "it serves")
    store = eventually(lambda: lab.look("pop2") if lab.look("pop2")["error"] else None, "it says what is wrong")
    assert not store["fresh"] and store["age_s"] > 0, store
    metrics = lab.run("curl", "-s", "--unix-socket", lab.plan.admin_socket("pop2"), "http://x/metrics").stdout
    page = (rig.ROOT / "docs/operations.md").read_text()
    for name in set(re.findall(r"skerry_(?:store|fleet)_\w+", page)):
        assert re.search(rf"^{name} ", metrics, re.M), name
    assert re.search(r"^skerry_store_fresh 0$", metrics, re.M) and re.search(r"^skerry_store_age_seconds [0-9.]+$", metrics, re.M)
    for name in MEMBERS:
        lab.start_member(name)
    lab.fresh("pop", "pop2")
    lab.deploy("later", "echo", "--place", "pop")
    lab.agree("what was deployed after that")


def test_a_member_that_was_away_forgets_what_was_deleted(lab):
    end(lab.plan.dir / "pop2.pid")
    eventually(lambda: [each["name"] for each in lab.look("pop")["members"]] == ["pop"], "it has left")
    lab.ctl("function", "delete", "later")
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    lab.agree("the deletion")
    assert "later" not in lab.functions("pop2")


def test_an_etcd_that_has_lost_everything_is_filled_by_its_members(lab):
    before = lab.functions("pop")
    assert before
    for name in MEMBERS:
        lab.kill_member(name)
        shutil.rmtree(lab.plan.dir / f"{name}.data")
    lab.token = None
    for name in MEMBERS:
        lab.start_member(name)
    lab.add_users()
    lab.fresh("pop", "pop2")
    lab.deploy("anew", "echo", "--place", "pop")
    lab.agree("what was deployed after that")
    found = lab.functions("pop2")
    del found["anew"]
    equal(found, before)


def python(lab, word):
    folder = lab.new_folder()
    (folder / "app.py").write_text(f"def handle(event, context):\n    return '{word}'\n")
    return folder


def test_a_follower_whose_version_does_not_start(lab):
    end(lab.plan.dir / "pop2.pid")
    path = lab.plan.dir / "pop2.toml"
    whole = path.read_text()
    none = lab.new_folder()
    (none / "native").symlink_to(lab.plan.build / "runtimes/native")
    path.write_text(re.sub(r'runtimes_dir = ".*"', f'runtimes_dir = "{none}"', whole))
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    lab.fresh("pop2")
    words = ("--artifact", python(lab, "one"), "--runtime", "python3", "--handler", "app.handle", "--warm-min", "1")
    version = lab.ctl("function", "deploy", "snake", *words)["version"]
    # It is the fleet's, so it is current there as well; its requests go where it does start.
    lab.agree("a version that does not start at pop2")
    shown = lab.ctl("function", "describe", "snake", node="pop2")["versions"][0]
    assert shown["state"] == "backing off" and shown["last_error"], shown
    eventually(lambda: lab.ctl("explain", "snake", node="pop2")["verdict"] == "forward", "pop2 sends it to the region")
    equal(lab.invoke("snake", "pop2")["version"], version[:16])
    equal(lab.look("pop2")["pending"], [])
    end(lab.plan.dir / "pop2.pid")
    path.write_text(whole)
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    eventually(lambda: lab.ctl("function", "describe", "snake", node="pop2")["versions"][0]["state"] == "ready", "it starts there, too")
    lab.ctl("function", "delete", "snake")
    lab.agree("that it is gone")


def test_an_artifact_that_no_member_can_give(lab):
    first = lab.deploy("lost", "echo", "--place", "pop", release_txt="a")["version"]
    lab.agree("its first version")
    end(lab.plan.dir / "pop2.pid")
    folder = lab.artifact("echo", release_txt="b")
    second = lab.ctl("function", "deploy", "lost", "--artifact", folder, "--place", "pop")["version"]
    blob = lab.plan.node_dir("pop") / f"artifacts/{second}.blob"
    blob.unlink()
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    eventually(lambda: [each for each in lab.look("pop2")["pending"] if each["function"] == "lost" and second in each["why"]],
               "pop2 says what it lacks")
    lab.fresh("pop2")
    # The one before it goes on, there; it can't be changed from there; and all others are as ever.
    equal(lab.invoke("lost", "pop2")["version"], first[:16])
    equal(lab.refused("pop2", "function", "alias", "lost", "x", "--version", first)["code"], "conflict")
    equal(lab.invoke("shared", "pop2")["status"], "ok")
    lab.ctl("function", "deploy", "lost", "--artifact", folder, "--place", "pop")
    lab.agree("what was deployed once more")
    equal(lab.invoke("lost", "pop2")["version"], second[:16])
    equal(lab.look("pop2")["pending"], [])


def test_etcd_is_restored_from_an_older_backup(lab):
    def copy(to, suffix):
        for name in MEMBERS:
            lab.kill_member(name)
            shutil.rmtree(lab.plan.dir / f"{name}.{to}", ignore_errors=True)
            shutil.copytree(lab.plan.dir / f"{name}.{suffix}", lab.plan.dir / f"{name}.{to}")
        for name in MEMBERS:
            lab.start_member(name)
        lab.log_in()

    lab.fresh("pop", "pop2")
    version = lab.deploy("older", "echo", release_txt="o")["version"]
    lab.agree("what the backup has")
    copy("backup", "data")
    lab.fresh("pop", "pop2")
    lab.deploy("since", "echo", release_txt="c")
    lab.ctl("function", "alias", "older", "since", "--version", version)
    lab.agree("what came after the backup")
    # One of them has seen the newer state, and is away while the older one comes back.
    end(lab.plan.dir / "pop2.pid")
    copy("data", "backup")
    start(lab.plan, "pop2")
    wait_until_up(lab.plan, ["pop2"])
    lab.fresh("pop", "pop2")
    eventually(lambda: "since" not in lab.functions("pop")["older"][2], "what the backup has is as it has it")
    lab.agree("one state")
    for node in ("pop", "pop2"):
        equal(lab.invoke("since", node)["status"], "ok", "what it has not is not lost")
    lab.deploy("after", "echo", "--place", "pop")
    lab.agree("what was deployed after that")


if __name__ == "__main__":
    with Fleet(sys.argv[1]) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
