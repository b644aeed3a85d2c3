"""HOST COUNT [PORT [SEED]]: clients of HTTP that go away in the middle of their head, their body or their answer, by FIN and by RST, many at a
time. Run in the client's namespace; says as JSON how many went where."""
import collections
import json
import random
import selectors
import socket
import struct
import sys
import time

HEAD = ("POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n")
SIZES = (0, 10, 3000, 3000, 30_000, 30_000, 200_000, 1_000_000)
AT_ONCE = 64
PATIENCE_S = 10.0


class Leaver:
    def __init__(self, address, chance):
        size = chance.choice(SIZES)
        head = HEAD.format(size).encode()
        self.where = chance.choices(("head", "body", "answer"), (3, 4, 3))[0]
        message = head + b"x" * size
        if self.where == "head":
            message = message[:chance.randrange(len(head))]
        elif self.where == "body":
            message = message[:chance.randrange(len(head), len(message) + 1)]
        self.left = memoryview(message)
        self.wanted = chance.choice((1, 100, 5000)) if self.where == "answer" else 0
        self.resets = chance.random() < 0.5
        self.gives_up = time.monotonic() + PATIENCE_S
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # so that most of its answer is still to come
        self.socket.setblocking(False)
        self.socket.connect_ex(address)

    def turn(self):
        """Where it has left; None: it has not."""
        try:
            if self.left:
                self.left = self.left[self.socket.send(self.left):]
            if not self.left and self.wanted:
                if not self.socket.recv(self.wanted):
                    return "closed"
                self.wanted = 0
        except BlockingIOError:
            pass
        except ConnectionError:
            return "refused"
        return self.where if not self.left and not self.wanted else None

    def events(self):
        return selectors.EVENT_WRITE if self.left else selectors.EVENT_READ

    def leave(self):
        if self.resets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def main(host, count, port=8080, seed=7):
    chance = random.Random(int(seed))
    left = collections.Counter()
    to_come = int(count)
    here = selectors.DefaultSelector()
    while to_come or here.get_map():
        while to_come and len(here.get_map()) < AT_ONCE:
            to_come -= 1
            leaver = Leaver((host, int(port)), chance)
            here.register(leaver.socket, selectors.EVENT_WRITE, leaver)
        ready = [key.data for key, _ in here.select(0.1)]
        now = time.monotonic()
        late = [key.data for key in here.get_map().values() if key.data.gives_up < now]
        for leaver in {*ready, *late}:
            where = leaver.turn() or ("slow" if leaver.gives_up < now else None)
            if where:
                left[where] += 1
                here.unregister(leaver.socket)
                leaver.leave()
            else:
                here.modify(leaver.socket, leaver.events(), leaver)
    print(json.dumps(left))


if __name__ == "__main__":
    main(*sys.argv[1:])
