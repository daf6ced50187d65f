"""What Python's http.server makes of the requests that reach it: a line of JSON for each, in a file."""

import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = open(sys.argv[1], "w", buffering=1 << 20, encoding="ascii")
LOCK = threading.Lock()


def note(line):
    text = json.dumps(line)
    with LOCK:
        FILE.write(text + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            if size == 0:
                while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                    pass
                return
            data = self.rfile.read(size)
            if len(data) < size or not self.rfile.readline():
                raise EOFError
            yield data

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            yield from self.chunks()
            return
        left = int(self.headers.get("content-length", "0"))
        data = self.rfile.read(left)
        yield data
        if len(data) < left:
            raise EOFError

    def serve(self):
        method, target = self.raw_requestline.decode("latin-1").split(" ")[:2]
        digest, count, whole = hashlib.sha256(), 0, True
        try:
            for data in self.body():
                digest.update(data)
                count += len(data)
        except (EOFError, ValueError, ConnectionError):
            whole = False
            self.close_connection = True
        note({
            "method": method,
            "target": target,
            "fields": self.headers.items(),
            "bytes": count,
            "sha256": digest.hexdigest(),
            "isWhole": whole,
        })
        if not whole:
            return
        answer = f"{self.headers.get('x-request-id')} {method} {target}".encode("latin-1")
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer))
        if method != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

    def send_error(self, code, message=None, explain=None):
        note({"unreadable": f"{code} {message}"})
        self.close_connection = True

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            note({"unreadable": repr(sys.exc_info()[1])})


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
with LOCK:
    FILE.flush()
os._exit(0)
