#!/usr/bin/env python3
"""Writes the seed corpora that have a layout into corpus/ beside this script: frame, message, reply, digest, archive, orders,
runtime_api, api_worker, snapshot, tcp_segment, tcp_sequence, tcp (these three by tcp_seeds.py), trunk, auth (auth_seeds.py), event_file (event_file_seeds.py), catalog_db (catalog_db_seeds.py), etcd (etcd_seeds.py).

The files are committed; run it again after a change of a layout:   tests/fuzz/make_corpus.py
"""
import gzip
import io
import ipaddress
import pathlib
import struct
import tarfile
import zipfile

import auth_seeds
import catalog_db_seeds
import etcd_seeds
import event_file_seeds
import tcp_seeds

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
OURS, PEER = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 0x99])
OURS4, PEER4 = (ipaddress.ip_address(a).packed for a in ("10.1.2.3", "10.1.2.9"))
OURS6, PEER6 = (ipaddress.ip_address(a).packed for a in ("2001:db8::3", "2001:db8::9"))
GROUP6 = ipaddress.ip_address("ff02::1:ff00:3").packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, destination, protocol, l4):
    if len(source) == 4:
        return source + destination + struct.pack("!HH", protocol, len(l4)) + l4
    return source + destination + struct.pack("!IHH", len(l4), 0, protocol) + l4


def udp(source, destination, payload, port=4600):
    head = struct.pack("!HHHH", 40000, port, 8 + len(payload), 0)
    total = checksum(pseudo(source, destination, 17, head + payload)) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + payload


def tcp(source, destination, payload, flags=0x10, options=b""):
    head = struct.pack("!HHIIBBHHH", 40000, 80, 1, 2, (5 + len(options) // 4) << 4, flags, 65535, 0, 0) + options
    total = checksum(pseudo(source, destination, 6, head + payload))
    return head[:16] + struct.pack("!H", total) + head[18:] + payload


def icmp6(source, destination, kind, rest):
    body = bytes([kind, 0, 0, 0]) + rest
    return body[:2] + struct.pack("!H", checksum(pseudo(source, destination, 58, body))) + rest


def icmp(kind, rest):
    body = bytes([kind, 0, 0, 0]) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + rest


def ipv4(payload, protocol=17, options=b"", fragment=0x4000, source=PEER4):
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), 0, fragment, 64,
                       protocol, 0) + source + OURS4 + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(payload, following=17, hop_limit=64, source=PEER6, destination=OURS6):
    return struct.pack("!IHBB", 6 << 28, len(payload), following, hop_limit) + source + destination + payload


def ethernet(kind, payload, vlan=None, to=OURS):
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return to + PEER + tag + struct.pack("!H", kind) + payload


def message(kind=1, payload=b"", version=1, said=None, flags=0, tail=0):
    return struct.pack("!4sBBHQQQQQQQQIIBBBBIII16s", b"SKRY", version, kind, flags, 1, 2, 3, 0, 4, 5, 6, 7,
                       1000000, len(payload) if said is None else said, 0, 0, 0, 0, 0, 0, tail, b"pop") + payload


def frames():
    request = message(payload=b"hello")
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + PEER + PEER4 + bytes(6) + OURS4
    solicitation = bytes(4) + OURS6 + b"\x01\x01" + PEER
    advertisement = b"\x60\0\0\0" + PEER6 + b"\x02\x01" + PEER
    yield "udp4", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, request)))
    yield "udp6", 0, ethernet(0x86DD, ipv6(udp(PEER6, OURS6, request)))
    yield "udp4-vlan", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, request)), vlan=0x2005)
    yield "udp6-vlan", 0, ethernet(0x86DD, ipv6(udp(PEER6, OURS6, request)), vlan=7)
    yield "udp4-options", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, request), options=b"\x01" * 40))
    yield "udp4-offload", 3, ethernet(0x0800, ipv4(udp(PEER4, OURS4, request)))
    yield "udp6-offload", 3, ethernet(0x86DD, ipv6(udp(PEER6, OURS6, request)))
    yield "udp4-empty", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, b"")))
    yield "udp4-other-port", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, b"x", 53)))
    yield "udp4-fragment", 0, ethernet(0x0800, ipv4(udp(PEER4, OURS4, b"x"), fragment=0x2000))
    yield "udp4-loopback", 0, ethernet(0x0800, ipv4(udp(b"\x7f\0\0\1", OURS4, b"x"), source=b"\x7f\0\0\1"))
    yield "echo4", 0, ethernet(0x0800, ipv4(icmp(8, b"\0\1\0\2ping"), 1))
    yield "echo6", 0, ethernet(0x86DD, ipv6(icmp6(PEER6, OURS6, 128, b"\0\1\0\2ping"), 58))
    yield "arp", 0, ethernet(0x0806, arp, to=b"\xff" * 6)
    yield "arp-reply", 0, ethernet(0x0806, arp[:7] + b"\x02" + arp[8:])
    yield "solicitation", 0, ethernet(
        0x86DD, ipv6(icmp6(PEER6, GROUP6, 135, solicitation), 58, 255, destination=GROUP6),
        to=b"\x33\x33\xff\0\0\3")
    yield "solicitation-bare", 4, ethernet(
        0x86DD, ipv6(icmp6(PEER6, OURS6, 135, solicitation[:20]), 58, 255))
    yield "advertisement", 0, ethernet(0x86DD, ipv6(icmp6(PEER6, OURS6, 136, advertisement), 58, 255))


    yield "tcp4", 8, ethernet(0x0800, ipv4(tcp(PEER4, OURS4, b"hello"), 6))
    yield "tcp6", 8, ethernet(0x86DD, ipv6(tcp(PEER6, OURS6, b"hello", options=b"\1\1\1\1"), 6))
    # In several buffers: how large the first is, and one less than each of the others.
    for name, first in (("", 100), ("-sum", 74), ("-headers", 50)):
        flags = 8 | 16 | (0 if name == "-sum" else 3)
        yield f"merged4{name}", flags, bytes([first, 76]) + ethernet(0x0800, ipv4(tcp(PEER4, OURS4, b"hello" * 60), 6))
        yield f"merged6{name}", flags, bytes([first + 20, 99]) + ethernet(
            0x86DD, ipv6(tcp(PEER6, OURS6, b"hello" * 60, options=b"\1\1\1\1"), 6), vlan=7)
    yield "merged-udp", 8 | 16 | 3, bytes([60, 40]) + ethernet(0x0800, ipv4(udp(PEER4, OURS4, request)))
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + OURS4 + PEER4 + tcp(OURS4, PEER4, b"")
    yield "tcp4-too-big", 8, ethernet(0x0800, ipv4(icmp(3, b"\0\0\5\0" + quoted), 1))
    quoted = struct.pack("!IHBB", 6 << 28, 20, 6, 64) + OURS6 + PEER6 + tcp(OURS6, PEER6, b"")
    yield "tcp6-too-big", 8, ethernet(0x86DD, ipv6(icmp6(PEER6, OURS6, 2, b"\0\0\5\0" + quoted), 58))


def messages():
    yield "request", message(payload=b"hello")
    yield "probe", message(3, bytes(32))
    yield "reply", message(2, b"answer")
    yield "challenge", message(5)
    yield "accepted", message(6)
    yield "cancel", message(7, flags=1)
    yield "forwarded", message(flags=3)
    yield "want-tail", message(payload=b"hello", flags=0x40)
    yield "version-2", message(version=2)
    yield "context", message(payload=b"hello{}", version=2, tail=2)
    yield "too-long", message(payload=b"x", said=2)
    yield "short", message()[:111]
    event = struct.Struct("<BHH").pack
    yield "cache-answer", event(1, 7, 0) + event(1, 7, 0) + event(2, 7, 100) + event(1, 7, 0)
    yield "cache-window", event(1, 7, 0) + event(2, 7, 1) + event(0, 0, 1000) + event(1, 7, 0)
    yield "cache-forget", event(1, 7, 0) + event(3, 7, 0) + event(1, 7, 0)
    yield "cache-full", b"".join(event(1, n, 0) for n in range(64))
    yield "cache-ring", b"".join(event(1, n, 0) + event(2, n, 60000) for n in range(4)) + event(1, 0, 0)
    yield "cache-wrap", b"".join(event(1, n, 0) + event(2, n, 9) + event(0, 0, 65535) for n in range(9))


def replies():
    ok = message(2, b"answer")
    yield "ok", ok
    yield "empty", message(2)
    yield "tail", ok[:94] + b"\0\4" + ok[96:]
    yield "tail-alone", ok[:94] + b"\0\6" + ok[96:]
    yield "tail-too-long", ok[:94] + b"\0\7" + ok[96:]
    yield "status", ok[:81] + b"\x4d" + ok[82:]
    yield "place", ok[:96] + b"eu \x1b[31m\xff0123456" + ok[112:]
    yield "place-full", ok[:96] + b"0123456789abcdef" + ok[112:]
    yield "challenge", message(5)
    yield "challenge-without-cookie", ok[:5] + b"\x05" + ok[6:64] + bytes(8) + ok[72:]
    yield "accepted", message(6)
    yield "request", message(1, b"hello")
    yield "too-long", message(2, b"x", said=2)
    yield "short", message(2)[:111]


def digests():
    def piece(how, payload):
        return struct.pack("<BH", how, len(payload)) + payload

    def answer(entries, keep=30_000, crowding=0, room=63, catchment=1000, said=None, more=b""):
        body = bytes(48) + struct.pack("!IHHQ", keep, crowding, room, catchment)
        body += struct.pack("!QHHI", 0, 0, len(entries) if said is None else said, 0)
        return body + b"".join(struct.pack("!QQ", *entry) for entry in entries) + more

    def warmth(state, idle_ms, rate_milli):
        return state << 56 | idle_ms << 32 | rate_milli

    some = [(1 + n, warmth(n % 4, 100 * n, 1000 * n)) for n in range(5)]
    yield "some", piece(129, answer(some)) + piece(128, answer(some[:2]))
    yield "none", piece(0, answer([])) + piece(1, bytes(64)) + piece(1, bytes(32))
    yield "most", piece(128, answer([(n, ~0 & (1 << 64) - 1) for n in range(63)], 0xFFFFFFFF, 0xFFFF, 0xFFFF, (1 << 64) - 1))
    yield "says-more", piece(128, answer(some, said=0xFFFF, more=b"behind"))
    yield "others", piece(1, answer([(4711, warmth(3, 1, 1))] * 5))
    yield "ages", piece(129, answer(some)) + piece(0xFF, bytes(80)) + piece(0x7E, answer(some))
    yield "reused", piece(128, answer(some)) + piece(0x88, answer(some)) + piece(0x98, answer(some))


def tar(entries):
    """Entries: (name, what): bytes for a file, "-> target" for a link, "= target" for a hard link, None for a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, what in entries:
            member = tarfile.TarInfo(name)
            if what is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(what, str):
                member.type = tarfile.SYMTYPE if what.startswith("->") else tarfile.LNKTYPE
                member.linkname = what.split(" ", 1)[1]
            else:
                member.size = len(what)
            archive.addfile(member, io.BytesIO(what) if isinstance(what, bytes) else None)
    end = out.getvalue().rstrip(b"\0")  # without the filling up to ten KiB
    return end + bytes(-len(end) % 512 + 1024)


def zipped(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = 0o755 << 16
            archive.writestr(info, data)
    return out.getvalue()


def archives():
    program = ("bootstrap", b"#!/bin/sh\n")
    yield "tar", tar([program, ("lib", None), ("lib/a.so", b"a"), ("b.so", "-> lib/a.so"), ("c.so", "= lib/a.so")])
    yield "tar-up", tar([program, ("a/b/c", "-> ../../bootstrap"), ("../out", b"x")])
    yield "tar-through-link", tar([("a", None), ("l", "-> a"), ("l/x", b"x"), program])
    yield "tar-absolute", tar([("/dev/shm/skerry-out", b"x"), program])
    yield "tar-link-out", tar([("l", "-> ../canary"), program])
    yield "tar-hard-link-out", tar([("l", "= ../canary"), program])
    yield "tar-twice", tar([program, program])
    yield "tar-bootstrap-link", tar([("x", b"x"), ("bootstrap", "-> x")])
    yield "tar.gz", gzip.compress(tar([program, ("zeros", bytes(100_000))]), mtime=0)
    yield "zip", zipped([program, ("lib/a.so", b"a")])
    yield "zip-deflated", zipped([program, ("zeros", bytes(100_000))], zipfile.ZIP_DEFLATED)
    yield "zip-up", zipped([program, ("lib/../../out", b"a")])
    yield "empty", b""
    # Recipes: kind, how many words, the words.
    yield "recipe", b"R" + bytes([0x10, 1, 3, 4, 1, 0, 6, 2, 0, 1, 1, 3, 8, 1, 2, 1, 3])
    yield "recipe-links", b"R" + bytes([0x10, 1, 3, 6, 3, 0, 1, 2, 3, 4, 4, 9, 6, 2, 0, 1, 1, 4, 0x10, 3, 0, 1, 2])
    yield "recipe-up", b"R" + bytes([0x10, 1, 3, 0x10, 2, 4, 9, 8, 1, 0, 2, 4, 9, 0x10, 1, 0])


def order(kind=1, version=5, folder=b"/srv/artifacts/12ab", function=b"echo", digest=b"00ff", uid=210000, cores=2,
          runtime=0, handler=b"", environment=b"", start=0, log_bytes=64 << 20, egress=b""):
    """The record of sandbox/warden/protocol.hpp, with its environment behind it."""
    head = struct.pack("<IIQQ512s64s72s128s9I4xQ16s", version, kind, 1, 0, folder, function, digest, handler, runtime,
                       start, uid, 128, cores, 16, 0, 100, 64, log_bytes, egress)
    answer = struct.pack("<iiii5I64sIQQ32s256s", 0, 0, 0, 0, 0, 0, 0, 0, 0, b"", 0, 0, 0, b"", b"")
    return head + answer + struct.pack("<I", len(environment)) + environment


def orders():
    yield "good", b"\0" + order()
    yield "kill", b"\5" + order(kind=2)
    yield "root", b"\0" + order(uid=0)
    yield "relative", b"\0" + order(folder=b"srv")
    yield "up", b"\0" + order(folder=b"/srv/artifacts/..")
    yield "deep", b"\0" + order(folder=b"/srv/artifacts/a/b")
    yield "endless", b"\0" + order(folder=b"/" * 512)
    yield "name", b"\0" + order(function=b"a/../b")
    yield "digest", b"\0" + order(digest=b"f" * 72)
    yield "cores", b"\0" + order(cores=3)
    yield "fewer", b"\2" + order(cores=1)
    yield "rotated", b"\3" + order()
    yield "other", b"\4" + order()
    yield "many", b"\xff" + order()
    yield "short", b"\0" + order()[:-1]
    yield "environment", b"\0" + order(environment=b"A=1\0B=2\0")
    yield "reserved", b"\0" + order(environment=b"_HANDLER=1\0")
    yield "api", b"\x0e" + order(runtime=1, cores=0)
    yield "handler", b"\x0e" + order(runtime=2, cores=0, handler=b"app.handler", environment=b"A=1\0")
    yield "egress", b"\0" + order(egress=b"internet")
    yield "elsewhere", b"\0" + order(egress=b"intranet")
    yield "egress-endless", b"\0" + order(egress=b"i" * 16)
    assignment = {"kind": 6, "function": b"", "digest": b"", "uid": 0, "cores": 0, "log_bytes": 0, "runtime": 3}
    standby = {"runtime": 3, "start": 3, "cores": 0, "folder": b"", "function": b"", "digest": b""}
    yield "standby", b"\x0e" + order(**standby)
    yield "standby-kind", b"\x0e" + order(**{**standby, "runtime": 2})
    yield "standby-artifact", b"\x0e" + order(**{**standby, "folder": b"/srv/artifacts/12ab"})
    yield "assign", b"\5" + order(**assignment)
    yield "assign-up", b"\5" + order(**{**assignment, "folder": b"/srv/artifacts/.."})
    yield "assign-told", b"\5" + order(**{**assignment, "environment": b"A=1\0"})
    blank = {**standby, "start": 4}
    yield "blank", b"\x0e" + order(**{**blank, "runtime": 0})
    yield "blank-python", b"\x0e" + order(**{**blank, "runtime": 2})
    yield "blank-kind", b"\x0e" + order(**blank)
    copy = {**assignment, "start": 2}
    yield "assign-copy", b"\1" + order(**{**copy, "runtime": 0, "cores": 2})
    yield "assign-copy-python", b"\x09" + order(**{**copy, "runtime": 2})
    yield "assign-copy-kind", b"\x09" + order(**copy)
    yield "assign-copy-bare", b"\5" + order(**{**copy, "runtime": 0, "cores": 2})
    yield "kindless", b"\x0e" + order(runtime=9, cores=0)


# What runtime_api_fuzz.cpp makes of bytes: its steps, and the numbers of its phrases.
(NEXT, RESPONSE, ERROR, INIT_ERROR, EXTENSION_NEXT, PING_1_0, LENGTH_40, LENGTH_4000, LENGTH_HUGE, CHUNKED, EXPECT,
 CLOSE, STREAMING, ERROR_TYPE, ERROR_BODY, END, CHUNK_40, LAST_CHUNK, BODY_40, ASSIGNMENT) = range(20)


def connect():
    return b"\x00"


def lose(c=0):
    return bytes([1 | c << 4, 8 | c << 4])


def hear(c=0):
    return bytes([4 | c << 4])


def hear_some(c=0, size=20):
    return bytes([2 | c << 4, size])


def begin(size=40):
    return bytes([5, size])


def say(*phrases, c=0):
    return b"".join(bytes([12 | c << 4, phrase]) for phrase in phrases)


def say_text(text, c=0, pieces=0):
    return b"".join(bytes([10 | (pieces << 6 | c << 4), len(part)]) + part
                    for part in (text[i:i + 255] for i in range(0, len(text), 255)))


def runtime_api():
    told = connect() + say(NEXT, END) + begin() + hear()
    answered = told + say(RESPONSE, LENGTH_40, END, BODY_40) + hear()
    chunks = say(CHUNKED, END, CHUNK_40, CHUNK_40, LAST_CHUNK)
    yield "next", connect() + say(NEXT, END)
    yield "response", answered + say(NEXT, END)
    yield "response-close", told + say(RESPONSE, LENGTH_40, CLOSE, END, BODY_40) + hear()
    yield "error", told + say(ERROR, ERROR_TYPE, LENGTH_40, END, BODY_40) + hear() + say(NEXT, END)
    yield "init-error", connect() + say(INIT_ERROR, ERROR_TYPE, LENGTH_40, END, BODY_40) + hear()
    yield "init-error-half", connect() + say(INIT_ERROR, LENGTH_40, END) + connect() + say(NEXT, END, c=1) + begin()
    yield "twice-response", answered + say(RESPONSE, LENGTH_40, END, BODY_40) + hear()
    yield "twice-next", told + say(NEXT, END) + hear() + say(NEXT, END) + hear_some()
    yield "too-large", told + say(RESPONSE, LENGTH_4000, END) + bytes([9, 240]) + hear()
    yield "huge", told + say(RESPONSE, LENGTH_HUGE, END) + hear()
    yield "expect", told + say(RESPONSE, EXPECT, LENGTH_40, END) + hear() + say(BODY_40) + hear()
    yield "expect-next-close", connect() + say(NEXT, EXPECT, CLOSE, LENGTH_40, END, BODY_40) + hear() + begin() + hear()
    yield "streamed", told + say(RESPONSE, STREAMING) + chunks + say(END) + hear()
    yield "streamed-error", told + say(RESPONSE, STREAMING) + chunks + say(ERROR_TYPE, ERROR_BODY, END) + hear()
    unread = connect() + say(NEXT, END) + begin() + hear_some()
    yield "answer-unread", unread + connect() + say(RESPONSE, LENGTH_40, END, BODY_40, c=1) + hear(1) + hear()
    yield "lost-while-told", unread + lose() + connect() + say(NEXT, END) + hear()
    yield "lost-while-answering", unread + connect() + say(RESPONSE, LENGTH_40, END, c=1) + lose() + say(BODY_40, c=1)
    yield "lost-in-answer", told + say(RESPONSE, LENGTH_40, END) + lose() + connect() + say(NEXT, END)
    yield "four", b"".join(connect() + say(EXTENSION_NEXT, END, c=c) for c in range(4)) + connect()
    yield "loris", b"".join(connect() + say(NEXT, c=c) for c in range(4)) + connect()
    yield "old", connect() + say(PING_1_0, END) + hear()
    standby = b"SB" + connect() + say(ASSIGNMENT, END)
    yield "standby", standby + begin() + hear() + say(NEXT, END) + begin() + hear()
    yield "standby-next", b"SB" + connect() + say(NEXT, END) + hear()
    yield "standby-twice", standby + connect() + say(ASSIGNMENT, END, c=1) + begin() + hear_some(1) + say(NEXT, END)
    yield "standby-lost", standby + lose() + connect() + say(ASSIGNMENT, END) + begin() + lose()
    yield "standby-error", standby + begin() + hear() + say(INIT_ERROR, ERROR_TYPE, LENGTH_40, END, BODY_40) + hear()
    yield "text", connect() + say_text(
        b"GET http://127.0.0.1:9001/2018-06-01/runtime/invocation/next?a=%30 HTTP/1.1\r\nHOST: x\r\n\r\n", pieces=1)


# What api_worker_fuzz.cpp makes of bytes: its steps for client c (0 waits in /next at first), and its phrases.
(ASK, ANSWER, HALF_RESPONSE, HALF_ERROR, OLD_ANSWER, EXTENSION, PING, ASK_AND_CLOSE, L40, L1100, CHUNKS, EXPECTS,
 CLOSES, HEAD_END, CHUNK, CHUNKS_END, MARKS) = range(17)
TURN, DIE, QUICK_TURN = b"\x0d", b"\x0b", b"\x0c"
CLOSED, RESET, HALF_CLOSED = range(3)


def steps(operation, *arguments, c=0):
    return bytes([operation | c << 4, *arguments])


def told(size=1):
    return steps(0, size) + TURN + steps(7, 255)


def tell(*phrases, c=0):
    return b"".join(steps(2, phrase, c=c) for phrase in phrases) + TURN


def api_worker():
    served = told() + tell(ANSWER) + tell(ASK)
    yield "served", served * 3
    yield "big", steps(0, 200) + TURN * 2 + steps(7, 255) + TURN + steps(7, 255) * 3 + TURN + tell(ANSWER) + tell(ASK)
    yield "unread", steps(0, 255) + TURN + steps(1, c=1) + tell(ANSWER, c=1) + tell(ASK, c=1) + steps(0, 1) + TURN
    yield "own-connections", (told() + steps(1, c=1) + tell(ANSWER, c=1) + steps(1, c=2) + tell(ASK, c=2)) * 2
    yield "hangs-up-parked", steps(8, CLOSED) + steps(0, 1) + TURN + steps(1) + tell(ASK) + steps(7, 255) + tell(ANSWER)
    yield "reset-parked", steps(8, RESET) + steps(0, 200) + TURN + steps(1) + tell(ASK)
    yield "half-closed", told() + tell(HALF_RESPONSE, L40, HEAD_END) + steps(8, HALF_CLOSED) + TURN
    yield "pieces", told() + b"".join(steps(3, ANSWER, 20) + TURN for _ in range(3)) + steps(6) + TURN + tell(ASK)
    yield "too-large", told() + tell(HALF_RESPONSE, L1100, HEAD_END) + steps(5, 66) + steps(6) + TURN + tell(ASK)
    yield "chunks", told() + tell(HALF_RESPONSE, CHUNKS, EXPECTS, HEAD_END, CHUNK, CHUNK, CHUNKS_END) + tell(ASK)
    yield "error", told() + tell(HALF_ERROR, L40, CLOSES, HEAD_END, MARKS) + steps(1) + tell(ASK)
    yield "old-answer", served + told() + tell(OLD_ANSWER) + tell(ANSWER)
    yield "keeps-talking", told() + tell(ANSWER, ASK, PING, PING, ASK) + steps(0, 1) + TURN + tell(PING, c=0)
    yield "asks-twice", told() + steps(1, c=1) + tell(ASK, c=1) + steps(1, c=2) + tell(ASK, c=2)
    yield "loris", told() + b"".join(steps(1, c=c) + steps(3, ASK, 9, c=c) for c in range(1, 6)) + TURN
    yield "held", told() + b"".join(steps(1, c=c) + tell(EXTENSION, c=c) for c in range(1, 6)) + TURN
    yield "storm", told() + (steps(10, 20) + steps(10, 20, c=1) + TURN) * 2 + tell(ANSWER) + tell(ASK_AND_CLOSE)
    yield "hung", told(200) + steps(3, ANSWER, 90) + steps(9, 0) + steps(6) + TURN + served
    yield "abandoned", told() + steps(9, 1) + tell(ANSWER) + tell(ASK) + served
    yield "dies", told(200) + steps(3, ANSWER, 90) + DIE + TURN + steps(6) + served
    yield "dies-idle", DIE + TURN + served
    yield "quick", steps(0, 1) + QUICK_TURN + tell(ANSWER, ASK) + steps(0, 1) + QUICK_TURN * 3
    yield "raw", told() + steps(4, 30) + b"POST /2018-06-01/runtime/invoc" + TURN + steps(8, RESET) + TURN


SMAPS = b"""t55719fd5f000-55719fd60000 rw-p 00001000 fe:00 10954596                   /usr/lib/a library.so (deleted)
Size:                  4 kB
Rss:                   4 kB
Anonymous:             4 kB
Swap:                  8 kB
VmFlags: rd wr mr mw me gd ac wf
7fc8f9a61000-7fc8f9a63000 r-xp 00000000 00:00 0                          [vdso]
VmFlags: rd ex mr mw me de sd
"""


def snapshot(*areas, specials=(), files=(), mxcsr=0x1F80):
    """areas: (start, bytes, offset, kind, protection, flags, file)."""
    special = [number for pair in specials for number in pair] + [0] * (8 - 2 * len(specials))
    head = struct.pack("<Q6IQQ11Q8Q8Q2I", 0x31304E5359524B53, 1, len(files), len(areas), len(specials),
                       max(len(specials) - 1, 0), 0, 8 << 20, 0x7F0000000740, *range(11), *special, *range(8), mxcsr, 0x37F)
    tables = b"".join(struct.pack("<QQQqq280s", 1, 2, 3, 4, 5, path) for path in files)
    return head + tables + b"".join(struct.pack("<QQQIHHII", *area, 0) for area in areas)


def snapshots():
    text, data, bss, stack = 0x555555554000, 0x555555560000, 0x555555570000, 0x7FFFFFFDD000
    vdso = [(0x7FFFF7FC0000, 0x4000), (0x7FFFF7FC4000, 0x2000), (0x7FFFF7FC6000, 0x2000)]
    good = [(text, 0x8000, 0x1000, 2, 5, 0, 0), (data, 0x3000, 1 << 20, 1, 3, 0, 0), (bss, 0x10000, 0, 0, 3, 2, 0),
            (stack, 0x21000, 0, 0, 3, 1, 0), (stack + 0x1F000, 0x2000, (1 << 20) + 0x3000, 3, 3, 0, 0)]
    yield "good", snapshot(*good, specials=vdso, files=[b"/usr/lib/libc.so.6"])
    yield "no-vdso", snapshot(*good[1:])
    yield "wipe", snapshot((bss, 0x10000, 0, 0, 3, 4, 0))
    yield "overlap", snapshot(good[1], (data + 0x1000, 0x3000, 0, 0, 3, 0, 0))
    yield "low", snapshot((0x10000, 0x1000, 0, 0, 3, 0, 0))
    yield "outside", snapshot((data, 0x3000, 1 << 40, 1, 3, 0, 0))
    yield "wraps", snapshot((data, (1 << 64) - data, 0, 0, 3, 0, 0))
    yield "fill-alone", snapshot((data, 0x3000, 1 << 20, 3, 3, 0, 0))
    yield "relative", snapshot(good[0], files=[b"libc.so.6"])
    yield "special-far", snapshot(specials=[(data, 0x1000), (stack, 0x1000)])
    yield "smaps", SMAPS


def trunks():
    """Programs of trunk_fuzz.cpp: what two ends do (even), or frames for a server (1) and a client (3)."""
    ask, cancel, answer, say, room, credit, ping, carry = range(1, 9)
    far = bytes([carry, 0, 0xFF, 0xFF, 0xFF, 0xFF])
    begin = bytes([0, 0, 0])
    request = bytes([ask, 0, 0x20, 0x00])
    large = bytes([ask, 0, 0xFF, 0x00])
    yield "ask_and_answer", begin + request + far + far + bytes([say + 0, 0, answer, 0]) + far + far
    yield "large_with_little_credit", begin + bytes([credit, 0, 1]) + large + far * 3 + bytes([credit, 0, 0]) + far * 8 + bytes([answer, 0]) + far * 8
    yield "cancelled", begin + large + request + far + bytes([cancel, 0]) + far + request + far * 2 + bytes([answer, 0]) + far
    yield "no_room", begin + large + bytes([room, 0, 0, 60, 0, 60]) + far + bytes([ping, 9]) + bytes([room, 0, 0xFF, 0xFF, 0xFF, 0xFF]) + far * 4
    yield "answered_early", begin + large + bytes([carry, 0, 0x10, 0, 0x10, 0, answer, 0]) + far * 4
    # A step of the victim's own, then the frame: type, place, sequence, arguments.
    message, data, more, stop = 2, 3, 4, 5
    yield "server_request", bytes([1, 1, 1, message, 0, 0, 1, 0, 100, 0, 1, data, 0, 0, 0, 100, 4, 6, 0, 0])
    yield "server_cancel", bytes([1, 1, 1, message, 0, 0, 1, 0, 100, 0, 1, stop, 0, 0, 1, data, 0, 0, 0, 50])
    yield "server_credit", bytes([1, 1, 1, message, 0, 0, 1, 0, 1, 0, 1, data, 0, 0, 0, 1, 4, 6, 0, 0, 1, more, 0, 0, 1, 0, 0])
    yield "server_no_hello", bytes([1, 0, 1, message, 0, 0, 1, 0, 0, 0])
    yield "client_reply", bytes([3, 1, 4, 0x40, 0x20, 2, 0, 0, 6, 0, 0, 0, 1, message, 0, 0, 2, 0, 50, 0, 1, data, 0, 0, 0, 50])
    yield "client_accepted", bytes([3, 1, 4, 0, 100, 6, 0, 0, 1, message, 0, 0, 6, 0, 0, 0, 1, message, 0, 0, 2, 0, 0, 0])


def main():
    folders = ("frame", "message", "reply", "archive", "orders", "runtime_api", "api_worker", "snapshot",
               "tcp_segment", "tcp_sequence", "tcp", "trunk", "auth", "event_file", "catalog_db", "etcd", "digest")
    for folder in folders:
        (HERE / folder).mkdir(parents=True, exist_ok=True)
    for name, flags, data in frames():
        (HERE / "frame" / name).write_bytes(bytes([flags]) + data)
    for name, data in messages():
        (HERE / "message" / name).write_bytes(data)
    for folder, seeds in (("reply", replies), ("digest", digests), ("archive", archives), ("orders", orders),
                          ("runtime_api", runtime_api), ("api_worker", api_worker), ("snapshot", snapshots),
                          ("tcp_segment", tcp_seeds.segments), ("tcp_sequence", tcp_seeds.sequences), ("tcp", tcp_seeds.programs),
                          ("trunk", trunks), ("auth", auth_seeds.seeds),
                          ("event_file", event_file_seeds.seeds), ("catalog_db", catalog_db_seeds.seeds), ("etcd", etcd_seeds.seeds)):
        for name, data in seeds():
            (HERE / folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
