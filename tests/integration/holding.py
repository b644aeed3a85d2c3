"""HOST COUNT [PORT]: clients of HTTP that send large parts of bodies, then many small ones, and then nothing, until standard input ends. Run in the client's
namespace; says "held" when they have."""
import socket
import sys

MIB = 1 << 20
HEAD = b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 6291456\r\n\r\n"


def main(host, count, port=8080):
    clients = []
    # Large bodies first, and in what they leave ever smaller ones: nothing is left between them.
    for size in int(count) * [6 * MIB - 65536] + 60 * [100_000] + 300 * [1]:
        client = socket.create_connection((host, int(port)), timeout=20)
        try:
            client.sendall(HEAD + b"x" * size)
        except (ConnectionError, TimeoutError):
            pass  # refused
        clients.append(client)
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
