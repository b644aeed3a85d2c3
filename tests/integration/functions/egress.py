"""A handler that tries what a network is there for, and what it is not. The answer: what it heard, or the errno."""
import ctypes
import errno
import fcntl
import os
import socket
import struct
import subprocess
import urllib.request


def ask(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect((address, port))
        one.send(b"hello")
        return one.recv(200).decode()


def denied(what):
    """Each of these is to be the end of the process, or an error."""
    if what == "raw":
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    elif what == "packet":
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    elif what == "netlink":
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    elif what == "freebind":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setsockopt(socket.IPPROTO_IP, 15, 1)
            one.bind(("10.66.0.250", 0))
    elif what in ("address", "route", "down"):
        request = {"address": 0x8916, "route": 0x890B, "down": 0x8914}[what]  # SIOCSIFADDR, SIOCADDRT, SIOCSIFFLAGS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, request, struct.pack("16sH14s", b"eth0", socket.AF_INET, b"\0\0\x0a\x42\0\xfa"))
    elif what == "enter":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(os.open("/proc/self/ns/net", os.O_RDONLY), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    return "done"


def handle(event, _):
    try:
        if event["do"] == "tcp":
            return {"heard": ask(socket.SOCK_STREAM, event["address"], event["port"])}
        if event["do"] == "udp":
            return {"heard": ask(socket.SOCK_DGRAM, event["address"], event["port"])}
        if event["do"] == "fast open":
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
                one.sendto(b"hello", socket.MSG_FASTOPEN, (event["address"], event["port"]))
            return {"heard": "sent"}
        if event["do"] == "fast open later":  # connect() sends nothing, the first write does
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
                one.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
                one.connect((event["address"], event["port"]))
                one.sendall(b"hello")
            return {"heard": "sent"}
        if event["do"] == "url":
            with urllib.request.urlopen(event["url"], timeout=5) as answer:
                return {"heard": answer.read().decode()}
        if event["do"] == "curl":
            done = subprocess.run(["curl", "-sS", "-m", "5", event["url"]], capture_output=True, text=True, check=False)
            return {"heard": done.stdout, "code": done.returncode}
        if event["do"] == "unix":
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(event["path"])
            return {"heard": "connected"}
        return {"heard": denied(event["do"])}
    except OSError as error:
        reason = getattr(error, "reason", error)
        return {"error": errno.errorcode.get(getattr(reason, "errno", None) or 0, str(reason))}
