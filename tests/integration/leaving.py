"""HOST COUNT [PORT]: clients of HTTP that go away in the middle of everything, by FIN and by RST. Run in the client's namespace."""
import random
import socket
import struct
import sys

HEAD = ("POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n")


def leave(host, port, chance):
    client = socket.create_connection((host, port), timeout=10)
    size = chance.choice([0, 10, 3000, 200_000, 2_000_000])
    message = HEAD.format(size).encode() + b"x" * size
    where = chance.random()
    if where < 0.3:
        message = message[:chance.randrange(60)]  # in the middle of its head
    elif where < 0.7:
        message = message[:chance.randrange(len(message))]  # of its body
    client.settimeout(5)
    client.sendall(message)
    if where >= 0.7:
        client.recv(chance.choice([1, 100, 5000]))  # of its answer
    if chance.random() < 0.5:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def main(host, count, port=8080):
    chance = random.Random(7)
    for _ in range(int(count)):
        try:
            leave(host, int(port), chance)
        except (ConnectionError, TimeoutError):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
