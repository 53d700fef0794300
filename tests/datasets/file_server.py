"""A server on loopback with every fault: it fails, stalls, cuts connections, forgets ranges, changes its files."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

BODY = np.random.default_rng(0).integers(0, 256, 700_001, np.uint8).tobytes()  # a file to serve, and its hash
SHA = hashlib.sha256(BODY).hexdigest()
TYPE = "application/octet-stream"


class Server:
    """What it serves, how it errs, and what it was asked.

    files: by path. tags: ETags by path; None: none is sent. faults: by path, what happens at each request in turn: a
    status (500), ("cut", n): n bytes and the connection ends, ("stall", n): n bytes and then none, ("gate", n): the
    same until its gate opens, None: nothing. gates: by path, an event without which nothing is sent. asked: is set
    by a request.
    redirects: by path, where to. ranges: whether Range is heeded. lengths: whether Content-Length is sent. shift: how
    far ranges are off.
    """

    def __init__(self):
        self.files, self.tags, self.faults, self.redirects, self.requests = {}, {}, {}, {}, []
        self.ranges = self.lengths = True
        self.gates, self.asked = {}, threading.Event()
        self.type, self.address, self.shift = TYPE, "", 0

    def answer(self, handler):
        path = handler.path
        asked = handler.headers.get("Range")
        self.requests.append((path, asked, handler.headers.get("If-Range")))
        if path in self.redirects:
            handler.send_response(302)
            handler.send_header("Location", self.redirects[path])
            handler.end_headers()
            return
        queue = self.faults.get(path, [])
        fault = queue.pop(0) if queue else None
        if isinstance(fault, int) or path not in self.files:
            handler.send_error(fault or 404)
            return
        body, start, tag = self.files[path], 0, self.tags.get(path, '"one"')
        same = handler.headers.get("If-Range") in (None, tag)
        if asked and self.ranges and same:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(body):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(body)}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start + self.shift}-{len(body) - 1}/{len(body)}")
        if self.lengths:
            handler.send_header("Content-Length", str(len(body) - start))
        if tag is not None:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Type", self.type)
        handler.end_headers()
        self.asked.set()
        self._send(handler, body[start:], fault)

    def _send(self, handler, body, fault):
        gate = self.gates.get(handler.path)
        if fault is None:
            if gate is not None and handler.path not in self.faults:
                gate.wait(100)
            handler.wfile.write(body)
            return
        kind, count = fault
        handler.wfile.write(body[:count])
        handler.wfile.flush()
        if kind == "gate":
            gate.wait(100)
        if kind == "stall":
            time.sleep(1.5)
        handler.close_connection = True


@contextmanager
def serving():
    """A `Server` that runs until the block ends."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self):
            with suppress(BrokenPipeError, ConnectionResetError):
                server.answer(self)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def asked(server):
    return [wanted for _, wanted, _ in server.requests]


def part_in(folder):
    """The part that a run has left."""
    (part,) = folder.glob("x.bin.*.part")
    return part


def left_over(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in ("x.bin", "x.bin.sha256"))


def recorded(folder):
    """The checksums that are recorded in a folder, by the names of the files."""
    lines = [path.read_text().split() for path in folder.glob("*.sha256")]
    return {name: digest for digest, name in lines}
