"""A server that fails on demand, on this machine only."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Shelf:
    """What the server has and how it behaves.

    files: path -> bytes.   etag: of all files, "" for none.   ranges: whether parts can be asked for.   drops: how many
    bytes the next answers bring before the connection breaks.   answers: status codes of the next answers instead of
    files.   kind: Content-Type.   packed: Content-Encoding, "" for none.   length: whether it is said.   pace: called
    after every 16 KiB.   asked: (path, Range) of all requests.   sent: bytes of all bodies.
    """

    def __init__(self):
        self.files, self.etag, self.ranges, self.kind = {}, '"one"', True, "application/zip"
        self.drops, self.answers, self.asked, self.sent = [], [], [], 0
        self.packed, self.length = "", True
        self.pace = lambda: None
        self.root = ""

    def put(self, name, data):
        self.files[f"/{name}"] = data
        return f"{self.root}/{name}"


@pytest.fixture
def shelf():
    """A `Shelf` behind http://127.0.0.1, as long as the test runs."""
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            shelf.asked.append((self.path, asked))
            if shelf.answers:
                return self.send_error(shelf.answers.pop(0))
            if self.path not in shelf.files:
                return self.send_error(404)
            data, start = shelf.files[self.path], 0
            if asked and shelf.ranges and self.headers.get("If-Range", shelf.etag) == shelf.etag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if shelf.etag:
                self.send_header("ETag", shelf.etag)
            if shelf.ranges:
                self.send_header("Accept-Ranges", "bytes")
            if shelf.packed:
                self.send_header("Content-Encoding", shelf.packed)
            self.send_header("Content-Type", shelf.kind)
            if shelf.length:
                self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.send(data[start:][: shelf.drops.pop(0)] if shelf.drops else data[start:])

        def send(self, body):
            for first in range(0, len(body), 1 << 14):
                self.wfile.write(body[first : first + (1 << 14)])
                shelf.sent += len(body[first : first + (1 << 14)])
                shelf.pace()

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """Say nothing of clients that leave or are killed: here they are meant to."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shelf.root = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()
