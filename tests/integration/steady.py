"""Callers that never stop: an open loop whose every answer is checked. A request is sent again each 0.75 s until its
deadline, as the protocol asks for; then it has timed out."""
import collections
import dataclasses
import threading
import time

from client import RETRANSMIT_S
from rig import status


@dataclasses.dataclass
class Kind:
    """Requests of one function."""
    function: str
    rate: float
    payload: object                  # number → bytes; no two alike
    good: object                     # payload, answer → whether it is the answer to that and nothing else
    deadline_ms: int = 2000


class Steady:
    """Runs until stop(). One client, one thread that sends and one that receives."""

    def __init__(self, client, kind):
        self.client, self.kind = client, kind
        self.requests, self.payloads, self.sent_again = [], {}, set()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._receive)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _send(self):
        begin, number = time.monotonic(), 0
        pending = collections.deque()
        while not self.ended.is_set():
            due = begin + number / self.kind.rate
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(min(pause, 0.05))
                self._again(pending)
                continue
            request = self.client.new_request()
            payload = self.kind.payload(number)
            self.requests.append(request)
            self.payloads[request.low] = payload
            self.client.begin(request, self.kind.function, payload, self.kind.deadline_ms, due)
            pending.append((time.monotonic() + RETRANSMIT_S, request))
            number += 1
            self._again(pending)
        limit = time.monotonic() + self.kind.deadline_ms / 1000
        while pending and time.monotonic() < limit:
            self._again(pending)
            time.sleep(0.02)

    def _again(self, pending):
        now = time.monotonic()
        while pending and pending[0][0] <= now:
            _, request = pending.popleft()
            with self.client.lock:
                if request.low not in self.client.open:
                    continue
                if now - request.due < self.kind.deadline_ms / 1000:
                    self.sent_again.add(request.low)
                    self.client.transmit(request.low)
                    pending.append((now + RETRANSMIT_S, request))
                else:
                    del self.client.open[request.low]  # timed out: a later answer is nobody's

    def _receive(self):
        while not self.ended.is_set() or self.threads[0].is_alive():
            self.client.receive()

    # What became of them
    def since(self, when):
        return [each for each in list(self.requests) if each.due >= when]

    def first_good(self, when):
        """When the first good answer after `when` came; None: none yet."""
        first = None
        for each in reversed(self.requests):
            if each.due < when - self.kind.deadline_ms / 1000:
                break
            if each.answered > when and status(each) == "ok" and (first is None or each.answered < first):
                first = each.answered
        return first

    def ends(self, requests=None):
        return collections.Counter(status(each) if each.answered else "silence"
                                   for each in (self.requests if requests is None else requests))

    def wrong(self):
        """Answers that are not what was asked for."""
        return [(self.payloads[each.low], each.payload) for each in self.requests
                if each.answered and status(each) == "ok" and not self.kind.good(self.payloads[each.low], each.payload)]
