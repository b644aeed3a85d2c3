"""What is behind an egress network: HTTP and UDP that answer with the address they were asked from, and names. Says
what it heard, a line each."""
import http.server
import socket
import socketserver
import struct
import threading


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = self.client_address[0].removeprefix("::ffff:").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        print("http", self.client_address[0].removeprefix("::ffff:"), flush=True)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        source = self.client_address[0].removeprefix("::ffff:")
        print("udp", source, self.request[0].decode(errors="replace"), flush=True)
        self.request[1].sendto(source.encode(), self.client_address)


class Names(socketserver.BaseRequestHandler):
    """RFC 1035, as much as one name needs: service.test is 10.99.0.1 and fd99::1."""

    def handle(self):
        query, answering = self.request
        end = query.index(b"\0", 12) + 5
        (kind,) = struct.unpack("!H", query[end - 4:end - 2])
        known = query[12:end - 4] == b"\7service\4test\0"
        data = {1: socket.inet_aton("10.99.0.1"), 28: socket.inet_pton(socket.AF_INET6, "fd99::1")}.get(kind) \
            if known else None
        answer = query[:2] + struct.pack("!HHHHH", 0x8580 if known else 0x8583, 1, 1 if data else 0, 0, 0) + query[12:end]
        if data:
            answer += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
        answering.sendto(answer, self.client_address)


class Datagrams(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6


for server in (Server(("::", 8000), Answer), Datagrams(("::", 7000), Echo),
               Datagrams(("::ffff:10.99.0.53", 53), Names)):
    threading.Thread(target=server.serve_forever).start()
print("up", flush=True)
