"""A Materials Project on loopback: its API and its object storage, with faults on request.

Run as a process of its own: the object storage's client holds the interpreter's lock while it
waits, so a server in the test's process would never get to answer.
"""

import json
import re
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "materialsproject-parsed"


class Fault:
    """Something that goes wrong with the next requests whose path matches.

    Parameters
    ----------
    pattern : str
        Regular expression for path and query.
    times : int
        How many requests fail.
    status : int or None
        HTTP status of the answer; None cuts the connection in the middle of it.
    """

    def __init__(self, pattern, times, status):
        self.pattern = re.compile(pattern)
        self.left = times
        self.status = status


class LoopbackServer(ThreadingHTTPServer):
    """What the server knows and what it has seen."""

    daemon_threads = True

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.lock = threading.Lock()
        documents = json.loads((root / "documents.json").read_text())
        self.summaries, self.tasks = documents["summaries"], documents["tasks"]
        self.set_up({})

    def set_up(self, state):
        self.faults = [Fault(*fault) for fault in state.get("faults", [])]
        self.poison = set(state.get("poison", []))
        self.key = state.get("key", "k" * 32)
        self.requests = Counter()
        self.active = self.most_active = 0

    def report(self):
        return {"requests": self.requests, "most_active": self.most_active}


def kind_of(path):
    """Return what a request asks for."""
    return next(k for k in ("heartbeat", "summary", "phonon", "") if k in path)


class Handler(BaseHTTPRequestHandler):
    """Answers of the real form: /heartbeat, /materials/..., and the objects of a bucket."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.set_up(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, b"{}")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path == "/control":
            self.answer(200, json.dumps(self.server.report()).encode())
            return
        project = self.server
        with project.lock:
            project.requests[kind_of(urlsplit(self.path).path)] += 1
            project.active += 1
            project.most_active = max(project.most_active, project.active)
            fault = next(
                (f for f in project.faults if f.left and f.pattern.search(self.path)), None
            )
            if fault:
                fault.left -= 1
        try:
            if fault and fault.status is None:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"{")
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
            elif fault:
                self.answer(fault.status, json.dumps({"detail": "a fault"}).encode())
            else:
                self.route(urlsplit(self.path))
        except (BrokenPipeError, ConnectionResetError, OSError, ValueError):
            self.close_connection = True
        finally:
            with project.lock:
                project.active -= 1

    def route(self, url):
        query = parse_qs(url.query)
        project = self.server
        if url.path.endswith("/heartbeat"):
            beat = {
                "version": "0.86.4",
                "db_version": "2026.1.1",
                "access_controlled_batch_ids": [],
            }
            self.answer(200, json.dumps(beat).encode())
        elif self.headers.get("x-api-key") != project.key and url.path.startswith("/materials/"):
            self.answer(403, json.dumps({"detail": "no such key"}).encode())
        elif url.path.startswith("/materials/summary"):
            wanted = (
                query.get("material_ids", [""])[0].split(",") if "material_ids" in query else None
            )
            if wanted and any(i in project.poison for i in wanted):
                self.answer(404, json.dumps({"detail": "no such material"}).encode())
                return
            self.documents([d for i, d in project.summaries.items() if not wanted or i in wanted])
        elif url.path.startswith("/materials/phonon"):
            wanted = query["identifiers"][0].split(",")
            self.documents([d for d in project.tasks if d["asked_as"] in wanted])
        elif url.path.startswith(f"/{BUCKET}"):
            self.object(url.path.removeprefix(f"/{BUCKET}").lstrip("/"), query)
        else:
            self.answer(404, b"{}")

    def documents(self, documents):
        body = {"data": documents, "meta": {"total_doc": len(documents)}}
        self.answer(200, json.dumps(body).encode())

    def object(self, key, query):
        root = self.server.root
        if not key:
            prefix = query.get("prefix", [""])[0]
            files = sorted(p for p in root.rglob("*") if p.is_file())
            keys = [(p.relative_to(root).as_posix(), p.stat().st_size) for p in files]
            contents = "".join(
                f"<Contents><Key>{escape(quote(k))}</Key><Size>{size}</Size>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
                for k, size in keys
                if k.startswith(prefix) and k > query.get("start-after", [""])[0]
            )
            body = (
                "<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
                f"{contents}</ListBucketResult>"
            )
            self.answer(200, body.encode(), kind="application/xml")
            return
        path = root / key
        if not path.is_file():
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", kind="application/xml")
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self.answer(200, content, kind="binary/octet-stream")
            return
        size = len(content)
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        else:
            first, last = size - int(asked[2]), size - 1
        part = {"Content-Range": f"bytes {first}-{last}/{size}"}
        self.answer(206, content[first : last + 1], kind="binary/octet-stream", headers=part)

    def answer(self, status, body, *, kind="application/json", headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test's output clean."""


if __name__ == "__main__":
    server = LoopbackServer(Path(sys.argv[1]))
    print(server.server_port, flush=True)  # noqa: T201 - how the test learns the port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with the test that started it
