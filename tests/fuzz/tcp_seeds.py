"""Seeds of the TCP targets, for make_corpus.py."""
import struct


def segments():
    def head(flags, options, payload=b""):
        options += b"\0" * (-len(options) % 4)
        return struct.pack("!HHIIBBHHH", 40000, 80, 1, 2, (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + payload

    stamp = b"\x08\x0a" + struct.pack("!II", 7, 9)
    syn = b"\x02\x04\x05\xb4\x04\x02" + stamp + b"\x01\x03\x03\x07"
    yield "syn", head(2, syn)
    yield "ack", head(16, b"\1\1" + stamp, b"hello")
    yield "bare", head(0x18, b"", b"hello")
    for blocks in (1, 3, 4):
        body = b"".join(struct.pack("!II", 100 * i, 100 * i + 50) for i in range(blocks))
        yield f"sack-{blocks}", head(16, b"\1\1\5" + bytes([2 + len(body)]) + body)
    yield "sack-stamp", head(16, b"\1\1" + stamp + b"\1\1\5\x0a" + bytes(8))
    yield "unknown", head(2, b"\xfd\x04\xab\xcd\x02\x04\x05\xb4")
    yield "zero-length", head(2, b"\x02\x00\x05\xb4")
    yield "beyond", head(2, b"\x63\xff\x05\xb4")
    yield "short", head(16, b"")[:19]


def sequences():
    """Steps of tcp_sequence_fuzz.cpp, behind a byte of switches."""
    def segment(flags, off=0, ack=0, size=0, window=255, which=0, *rest):
        return bytes([0, flags, off, ack, size, window, which, *rest])

    syn = segment(2, 0, 0, 0, 255, 0x1D, 0, 182, 7)
    stamped, bare = bytes([6, 64]), bytes([6, 0])
    write, shut, read = bytes([7, 0, 200]), bytes([7, 4]), bytes([14, 255])
    wait, long = bytes([9, 18]), bytes([10, 27])
    yield "exchange", b"\x00" + syn + stamped + bytes([6, 64 + 30]) + read + write + wait + stamped + wait
    yield "close", b"\x00" + syn + stamped + write + shut + stamped + bytes([6, 64 + 128]) + wait + stamped + long
    yield "peer-closes", b"\x01" + syn + bare + bytes([6, 128 + 20]) + read + write + shut + bare + wait
    yield "cookies", b"\x20" + syn + stamped + bytes([6, 64 + 10]) + read + write + stamped
    yield "sack", b"\x01" + syn + bare + write + write + segment(16, 0, 0xE0, 0, 255, 2, 120, 20) + wait + bare
    yield "timeouts", b"\x03" + syn + bare + write + long + long + long + bare
    yield "reorder", b"\x01" + syn + bare + segment(16, 40, 0, 20) + segment(16, 20, 0, 30) + bytes([6, 63]) + read
    yield "resets", b"\x01" + syn + bare + segment(4, 10) + segment(2, 5) + segment(4, 0)
    yield "zero-window", b"\x01" + syn + bare + segment(16, 0, 0, 0, 0) + write + long + bare + long
    merged, odd = bytes([6, 63, 7]), bytes([6, 63, 0x1F])
    gap = segment(16, 40, 0, 200, 255, 32, 0x2F)
    yield "merged", b"\x01" + syn + bare + merged + read * 3 + odd + read * 3 + gap + gap + merged + read * 5
    yield "merged-stamped", b"\x00" + syn + stamped + bytes([6, 127, 6]) + read * 4 + shut + bytes([6, 255, 0x4D]) + read * 4
    connect = bytes([11, 0x0F])
    yield "active", b"\x00" + connect + syn + stamped + long
    yield "icmp", b"\x01" + syn + bare + write + bytes([12, 125, 4]) + wait + bare
    yield "icmp6", b"\x81" + syn + bare + write + bytes([12, 162, 4]) + wait + bare
    yield "no-buffers", b"\x01" + syn + bare + bytes([13, 1]) + write + wait + bytes([13, 0]) + wait + bare


def programs():
    """Of tcp_fuzz.cpp: options, then steps. A segment is peer and size, shape, and what the shape asks for."""
    syn = bytes([0, 3 | 128, 15, 200, 7, 10, 0])  # MSS, scale, SACK, timestamps
    stamp = bytes([8, 20, 0])
    ack, data = bytes([0, 128]) + stamp, bytes([68, 2 | 128]) + stamp + bytes([200])
    fin, rst, poll, flush = bytes([0, 5 | 128]) + stamp, bytes([0, 6]), bytes([180]), bytes([188, 0])
    write, read, shut, close = bytes([189, 0, 100]), bytes([191, 0, 255]), bytes([192, 0]), bytes([193, 0])
    late, gap = bytes([160, 4]), bytes([68, 2 | 16 | 128, 100]) + stamp + bytes([200])
    sack = bytes([0, 128, 8 | 16 | 64, 20, 0, 10, 30])
    opened = syn + ack + poll
    yield "echo", b"\0" + opened + data + read + write + flush + ack + close + flush + ack + fin + late
    yield "out-of-order", b"\0" + opened + gap + gap + data + read + fin
    merged = bytes([140, 2 | 128]) + stamp + bytes([200, 10, 100])
    behind = bytes([140, 2 | 16 | 128, 100]) + stamp + bytes([250, 7, 4])
    yield "merged", b"\0" + opened + merged + read * 40 + behind + behind + merged + read * 40 + fin
    yield "merged-memory", b"\2" + opened + merged * 12 + flush + behind * 6 + read * 80
    yield "sacked", b"\0" + opened + write * 6 + flush + sack + sack + flush + ack
    yield "timeouts", b"\0" + opened + write * 4 + flush + late * 6 + ack
    yield "half-closed", b"\0" + opened + fin + write + flush + ack + shut + flush + ack
    yield "reset", b"\0" + opened + data + rst
    yield "cookies", b"\x1c" + opened + data + read + write + flush
    yield "keep-alive", b"\x40" + opened + bytes([160, 5]) * 12
    yield "connect", b"\0" + bytes([196, 0, 0]) + bytes([0, 4 | 128, 15, 200, 7, 10, 0]) + poll + write + flush + ack
    yield "both-connect", b"\0" + bytes([196, 0, 0]) + syn + ack + poll + fin + close + flush + ack
