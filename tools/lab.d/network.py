"""Namespaces and wires: every node hangs on the router; regions through a link emulator each."""
import contextlib
import os
import signal
import time

from run import LabError, command, end, in_namespace, remove_dpdk_folder, spawn

OFFLOADS = ("tx", "off", "rx", "off", "gro", "off", "gso", "off", "tso", "off")


def wire(ns_a, name_a, ns_b, name_b):
    command("ip", "link", "add", name_a, "netns", ns_a, "type", "veth", "peer", "name", name_b, "netns", ns_b)
    for namespace, name in ((ns_a, name_a), (ns_b, name_b)):
        # Real checksums on the wire: what comes out is read by a stack that is not the kernel's.
        in_namespace(namespace, "ethtool", "-K", name, *OFFLOADS)
        in_namespace(namespace, "sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0")
        command("ip", "-n", namespace, "link", "set", name, "up")


def address(namespace, name, *addresses):
    for each in addresses:
        options = ["nodad"] if ":" in each else []
        command("ip", "-n", namespace, "address", "add", each, "dev", name, *options)


def make(plan, link_options=()):
    existing = command("ip", "netns", "list").stdout.split()
    clash = sorted(set(plan.namespaces) & set(existing))
    if clash:
        raise LabError(f"lab {plan.name} is up already, or a part of it: {', '.join(clash)}; "
                       f"next: tools/lab down --name {plan.name}")
    router = plan.namespace("router")
    for namespace in plan.namespaces:
        command("ip", "netns", "add", namespace)
        command("ip", "-n", namespace, "link", "set", "lo", "up")
    in_namespace(router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for node in plan.nodes:
        connect(plan, node, router, link_options)
    connect_management(plan, router)


def connect(plan, node, router, link_options):
    namespace = plan.namespace(node)
    if node in plan.regions:
        # router's end ── to-rN ── [emulator] ── from-rN ── the region
        wire(namespace, "dp0", router, f"from-{node}")
        wire(router, node, router, f"to-{node}")
        for inner in (f"from-{node}", f"to-{node}"):
            # The emulator's alone: the router itself would answer ARP for its own addresses here, and
            # the region's frames would go past the emulator.
            command("ip", "-n", router, "link", "set", inner, "arp", "off")
            in_namespace(router, "sysctl", "-qw", f"net.ipv6.conf.{inner}.disable_ipv6=1")
        half_us = plan.distances_ms[plan.index(node) - 1] * 1000 / 2
        spawn(plan.dir / f"linkem-{node}.pid", plan.dir / f"linkem-{node}.log", router, plan.linkem,
              "--a", f"to-{node}", "--b", f"from-{node}", "--delay-us", half_us, "--jitter-us", half_us * 0.02,
              "--seed", plan.index(node), *link_options)
    else:
        wire(namespace, "dp0", router, node)
    address(router, node, plan.gateway4(node) + "/24", plan.gateway6(node) + "/64")
    if node == "client":
        address(namespace, "dp0", plan.address4(node) + "/24", plan.address6(node) + "/64")
        command("ip", "-n", namespace, "route", "add", "default", "via", plan.gateway4(node))
        command("ip", "-n", namespace, "-6", "route", "add", "default", "via", plan.gateway6(node))


def connect_management(plan, router):
    command("ip", "-n", router, "link", "add", "mgmt", "type", "bridge")
    command("ip", "-n", router, "link", "set", "mgmt", "up")
    for node in plan.nodes:
        wire(plan.namespace(node), "mgmt0", router, f"m-{node}")
        command("ip", "-n", router, "link", "set", f"m-{node}", "master", "mgmt")
        address(plan.namespace(node), "mgmt0", plan.management(node) + "/24")


def end_processes(namespace, patience_s=3.0):
    """Every process in it, whoever started it: one that lived on would keep the namespace, which has no name
    then, so that nobody finds either again."""
    asked = set()
    limit = time.monotonic() + patience_s
    while True:
        pids = {int(pid) for pid in command("ip", "netns", "pids", namespace).stdout.split()} - {os.getpid()}
        if not pids:
            for pid in asked:
                remove_dpdk_folder(pid)
            return
        late = time.monotonic() > limit
        if time.monotonic() > limit + 10:
            raise LabError(f"{namespace}: these processes do not end: {sorted(pids)}")
        for pid in pids if late else pids - asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= pids
        time.sleep(0.02)


def remove(plan):
    """Whatever is there of it. One thing that does not go does not keep the rest."""
    for pid_file in sorted(plan.dir.glob("linkem-*.pid")):
        end(pid_file)
    existing = command("ip", "netns", "list").stdout.split()
    prefix = f"sk-{plan.name}-"
    problems = []
    for namespace in (each for each in existing if each.startswith(prefix)):
        try:
            end_processes(namespace)
            command("ip", "netns", "delete", namespace)
        except LabError as error:
            problems.append(str(error))
    if problems:
        raise LabError("; ".join(problems))
