"""A receiver of webhooks that verifies them as the documentation says, in another language.

usage: webhook.py http|https CERT KEY SHARED_KEY STATUS [LOCATION]
One JSON line on standard output per request.
"""

import hashlib
import hmac
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

SCHEME, CERT, KEY, SHARED, STATUS = sys.argv[1:6]
LOCATION = sys.argv[6] if len(sys.argv) > 6 else None


def tell(**event):
    print(json.dumps(event), flush=True)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["Kukaku-Timestamp"]
        wanted = "v1=" + hmac.new(SHARED.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        tell(
            event="request",
            path=self.path,
            genuine=hmac.compare_digest(wanted, self.headers["Kukaku-Signature"]),
            stamp=int(stamp),
            delivery=self.headers["Kukaku-Delivery"],
            body=json.loads(body),
        )
        # 204 has no body (RFC 9110 section 15.3.5).
        answer = b"" if STATUS == "204" else "no\r\nsuch\x1b[2Jthing".encode()
        self.send_response(int(STATUS))
        if LOCATION:
            self.send_header("Location", LOCATION)
        if answer:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


listener = HTTPServer(("127.0.0.1", 0), Receiver)
if SCHEME == "https":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
tell(event="listening", port=listener.server_port)
listener.serve_forever()
