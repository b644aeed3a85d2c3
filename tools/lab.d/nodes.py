"""The servers of a lab: certificates, configurations, starting, waiting, ending."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import time

from plan import MANAGEMENT_PORT, UDP_PORT
from run import LabError, command, end, recorded, spawn

START_PATIENCE_S = 20.0

# What --set may change. family: 4 (servers have both, and the POP asks its regions over IPv4) or 6 (nothing else).
SETTINGS = {"family": "4", "idle": "sleep", "cores": "1", "reply_cache_entries": "131072", "idle_timeout_ms": "30000",
            "idle_max_ms": "600000",
            "probe_period_ms": "100", "return_ms": "2000", "workers_max": "64",
            "pop_workers_max": "",  # the POP's own; as workers_max
            "standby_native": "2", "standby_python3": "2", "standby_nodejs": "2", "require_signature": "false",
            "allow_origin": "", "invoke_from": "",  # of the POP: a list of networks
            "fleet": "",  # a file with its [store]: the POP is a member of a fleet
            "more": "",  # a file that goes to the end of the POP's configuration
            "more_regions": ""}  # and of the regions'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, what, timeout=2.0):
    """GET on an admin socket; None when nobody answers."""
    connection = UnixConnection(path, timeout)
    try:
        connection.request("GET", what)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def make_certificates(plan):
    """One authority for the lab, and one certificate for each server."""
    folder = plan.dir / "tls"
    folder.mkdir(mode=0o700)
    ca = ["-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command("openssl", "req", "-x509", *new_key, "-days", "30", "-subj", f"/CN=skerry lab {plan.name}", *ca)
    for node in plan.servers:
        request = folder / f"{node}.csr"
        command("openssl", "req", *new_key, "-subj", f"/CN={node}", "-keyout", folder / f"{node}.key", "-out", request)
        command("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                "-CAcreateserial", "-days", "30", "-out", folder / f"{node}.pem")


def read_settings(given):
    """--set KEY=VALUE, over the defaults."""
    settings = dict(SETTINGS)
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or key not in SETTINGS:
            raise LabError(f"--set {each}: found {key!r}, allowed: {', '.join(SETTINGS)}")
        settings[key] = value
    return settings


def configuration(plan, node, settings):
    number = plan.servers.index(node)
    tls = plan.dir / "tls"
    role = "pop" if node == "pop" else "region"

    def v4(text):
        return f'"{text}", ' if plan.family == 4 else ""

    text = f'''# Written by tools/lab for lab {plan.name}.
role = "{role}"
name = "{node}"
state_dir = "{plan.node_dir(node)}"
admin_socket = "{plan.admin_socket(node)}"
udp_port = {UDP_PORT}

[dataplane]
memory = "no-huge"
memory_mib = {64 + 64 * int(settings["cores"])}
cores = {settings["cores"]}
idle = "{settings["idle"]}"
reply_cache_entries = {settings["reply_cache_entries"]}
{f'invoke_from = {settings["invoke_from"]}' if settings["invoke_from"] and role == "pop" else ""}

[http]
body_mib = 24
{f'allow_origin = "{settings["allow_origin"]}"' if settings["allow_origin"] else ""}
require_signature = {settings["require_signature"]}

[workers]
first_uid = {plan.first_uid + number * 1100}
idle_timeout_ms = {settings["idle_timeout_ms"]}
idle_max_ms = {settings["idle_max_ms"]}
max = {(settings["pop_workers_max"] if role == "pop" else "") or settings["workers_max"]}
standby_native = {settings["standby_native"]}
standby_python3 = {settings["standby_python3"]}
standby_nodejs = {settings["standby_nodejs"]}
runtimes_dir = "{plan.build / "runtimes"}"

[prober]
period_ms = {settings["probe_period_ms"]}
return_ms = {settings["return_ms"]}

[management]
{f'listen = "{plan.management(node)}:{MANAGEMENT_PORT}"' if role == "region" or settings["fleet"] else ""}
tls_cert = "{tls / f"{node}.pem"}"
tls_key = "{tls / f"{node}.key"}"
tls_ca = "{tls / "ca.pem"}"

[[port]]
devargs = "net_af_packet0,iface=dp0,qpairs={settings["cores"]}"
addresses = [{v4(f"{plan.address4(node)}/24")}"{plan.address6(node)}/64"]
gateways = [{v4(plan.gateway4(node))}"{plan.gateway6(node)}"]
'''
    if role == "pop":
        for region in plan.regions:
            text += f'''
[[region]]
name = "{region}"
address = "{plan.address(region)}"
udp_port = {UDP_PORT}
management = "{plan.management(region)}:{MANAGEMENT_PORT}"
'''
        for key in ("fleet", "more"):
            if settings[key]:
                text += pathlib.Path(settings[key]).read_text()
    elif settings["more_regions"]:
        text += pathlib.Path(settings["more_regions"]).read_text()
    return text


def prepare(plan, settings):
    """Their configurations."""
    for node in plan.servers:
        plan.node_dir(node).mkdir(mode=0o755)
        (plan.dir / f"{node}.toml").write_text(configuration(plan, node, settings))


def start(plan, node):
    if recorded(plan.dir / f"{node}.pid") is not None:
        raise LabError(f"{node} runs already")
    spawn(plan.dir / f"{node}.pid", plan.dir / f"{node}.log", plan.namespace(node), plan.skerryd, "--config",
          plan.dir / f"{node}.toml")


def log_tail(plan, node, lines=12):
    try:
        return "\n".join((plan.dir / f"{node}.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def wait_until_up(plan, nodes):
    limit = time.monotonic() + START_PATIENCE_S
    for node in nodes:
        while ask(plan.admin_socket(node), "/v1/status") is None:
            if recorded(plan.dir / f"{node}.pid") is None:
                raise LabError(f"{node} ended at once:\n{log_tail(plan, node)}")
            if time.monotonic() > limit:
                raise LabError(f"{node} does not answer on {plan.admin_socket(node)}:\n{log_tail(plan, node)}")
            time.sleep(0.05)


def wait_until_regions_healthy(plan):
    limit = time.monotonic() + START_PATIENCE_S
    while True:
        status = ask(plan.admin_socket("pop"), "/v1/status") or {}
        if status.get("regions", {}).get("healthy") == len(plan.regions):
            return
        if time.monotonic() > limit:
            raise LabError(f"not all regions became healthy: {status.get('regions')}")
        time.sleep(0.05)


def kill(plan, node, sig=signal.SIGKILL):
    if recorded(plan.dir / f"{node}.pid") is None:
        raise LabError(f"{node} does not run")
    end(plan.dir / f"{node}.pid", sig)


def end_all(plan):
    # The POP first: it then asks nobody who is going away.
    for pid_file in sorted(plan.dir.glob("*.pid"), key=lambda path: path.name != "pop.pid"):
        if not pid_file.name.startswith("linkem-"):
            end(pid_file)


def environment(plan, node):
    return dict(os.environ, SKERRY_ADMIN=str(plan.admin_socket(node)), SKERRY_POP=plan.pop,
                SKERRY_LAB=plan.name, PATH=f"{plan.build}/tools/skerryctl:{plan.build}/tools/load:{os.environ['PATH']}")


def remove_files(plan):
    shutil.rmtree(plan.dir, ignore_errors=True)
