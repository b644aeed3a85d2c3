#!/usr/bin/env python3
"""Writes the seed corpora of message_fuzz and frame_fuzz into corpus/ beside this script.

The files are committed; run it again after a change of a layout:   tests/fuzz/make_corpus.py
"""
import ipaddress
import pathlib
import struct

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


def message(kind=1, payload=b"", version=1, said=None, flags=0):
    return struct.pack("!4sBBHQQQQQQQQIIBBBBIII16s", b"SKRY", version, kind, flags, 1, 2, 3, 0, 4, 5, 6, 7,
                       1000000, len(payload) if said is None else said, 0, 0, 0, 0, 0, 0, 0, b"pop") + payload


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


def messages():
    yield "request", message(payload=b"hello")
    yield "probe", message(3, bytes(32))
    yield "reply", message(2, b"answer")
    yield "challenge", message(5)
    yield "accepted", message(6)
    yield "forwarded", message(flags=3)
    yield "version-2", message(version=2)
    yield "too-long", message(payload=b"x", said=2)
    yield "short", message()[:111]
    event = struct.Struct("<BHH").pack
    yield "cache-answer", event(1, 7, 0) + event(1, 7, 0) + event(2, 7, 100) + event(1, 7, 0)
    yield "cache-window", event(1, 7, 0) + event(2, 7, 1) + event(0, 0, 1000) + event(1, 7, 0)
    yield "cache-forget", event(1, 7, 0) + event(3, 7, 0) + event(1, 7, 0)
    yield "cache-full", b"".join(event(1, n, 0) for n in range(64))
    yield "cache-ring", b"".join(event(1, n, 0) + event(2, n, 60000) for n in range(4)) + event(1, 0, 0)
    yield "cache-wrap", b"".join(event(1, n, 0) + event(2, n, 9) + event(0, 0, 65535) for n in range(9))


def main():
    for folder in ("frame", "message"):
        (HERE / folder).mkdir(parents=True, exist_ok=True)
    for name, flags, data in frames():
        (HERE / "frame" / name).write_bytes(bytes([flags]) + data)
    for name, data in messages():
        (HERE / "message" / name).write_bytes(data)


if __name__ == "__main__":
    main()
