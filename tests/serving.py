"""A web server on this machine for what fetches files."""

import contextlib
import http.server
import re
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def serving() -> Iterator[type]:
    """Answers with ``files[path]``; ``promised[path]`` overrules the length it announces.

    ``asked`` lists the paths and ``ranges`` the parts that were asked for. With ``etags[path]`` the server sends parts,
    as long as it is asked for one of the same file.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        files, promised, etags, asked, ranges = {}, {}, {}, [], []

        def do_GET(self):
            self.asked.append(self.path)
            self.ranges.append(self.headers.get("Range"))
            body = self.files.get(self.path)
            etag = self.etags.get(self.path)
            status, headers = (200, {}) if body is not None else (404, {})
            body = body or b"<html>no such file</html>"
            part = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if part and etag and self.headers.get("If-Range") == etag:
                start, total = int(part[1]), len(body)
                if start >= total:
                    status, body, headers = 416, b"", {"Content-Range": f"bytes */{total}"}
                else:
                    status, body = 206, body[start:]
                    headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
            if etag:
                headers["ETag"] = etag
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(self.promised.get(self.path, len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{listener.server_port}"
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield Handler
    finally:
        listener.shutdown()
        listener.server_close()
