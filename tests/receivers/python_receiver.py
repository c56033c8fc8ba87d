"""A receiver as somebody else writes one, with nothing but Python's standard library.

It takes events at any path, de-duplicates by conversation and event type, and posts a note to the CRM
whose address is in CRM_URL. It prints its address once it is up.
"""

import hashlib
import hmac
import base64
import json
import os
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CRM_URL = os.environ["CRM_URL"].rstrip("/")
SECRET = os.environ.get("WEBHOOK_SECRET")
seen = set()
lock = threading.Lock()


def is_signed(headers, body):
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(wanted, one) for one in given)


def post_note(payload):
    note = {
        "conversationId": payload["id"],
        "channel": payload.get("conversationType"),
        "answered": payload.get("userJoinTime") is not None,
        "transferredTo": payload.get("transferDestination"),
    }
    url = f"{CRM_URL}/customers/{payload.get('customerId') or 'unknown'}/notes"
    for attempt in range(5):
        request = urllib.request.Request(
            url, json.dumps(note).encode(), {"content-type": "application/json"}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05 * 2**attempt)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if SECRET and not is_signed(self.headers, body):
            return self.answer(401, "forged")
        try:
            event = json.loads(body)
            key = (event["payload"]["id"], event["eventType"])
        except (ValueError, KeyError, TypeError):
            return self.answer(400, "malformed")
        with lock:
            is_new = key not in seen
            seen.add(key)
        if is_new:
            threading.Thread(target=post_note, args=(event["payload"],)).start()
        self.answer(200, "accepted")

    def answer(self, status, word):
        body = json.dumps({"status": word}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print(f"receiving at http://127.0.0.1:{server.server_port}/hooks", file=sys.stderr, flush=True)
    server.serve_forever()
