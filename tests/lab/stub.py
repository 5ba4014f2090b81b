"""A target for the lab's tests: `stub.py PORT WORKERS`, defects by the variable STUB."""

import json
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFECT = os.environ.get("STUB", "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"next": None, "previous": None, "results": []}).encode()
        self.send_response(503 if DEFECT == "unready" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", f"stub/{os.getpid()}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def main(port, workers):
    if DEFECT == "dies":
        sys.stderr.write("stub: no such table: crud_item\n")
        sys.exit(3)
    for _ in range(workers - 1):
        if os.fork() == 0:
            if DEFECT == "stubborn-child":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(600)
            break
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
