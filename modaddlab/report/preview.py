"""`preview`: the book in the browser, rendered anew whenever a source changes.

Renders run in a process of their own, so that a changed package or renderer takes effect and a failed render leaves the
page as it was. The page learns of a new version by a server-sent event and loads itself again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchfiles import DefaultFilter, watch

from .errors import BookError
from .folder import PREVIEW
from .rendering import choose, quarto_environment

_RELOAD = b"""<script src="/_reload.js"></script></body>"""
_RELOAD_SCRIPT = b"""new EventSource("/_changes").onmessage = () => location.reload();"""


class _Sources(DefaultFilter):
    """Watches sources only: no caches, no output, no temporary files."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, ".cache", "_book", ".quarto", "partial")

    def __call__(self, change: object, path: str) -> bool:
        wanted = path.endswith((".qmd", ".py", ".yml", ".bib", ".css", ".scss", ".js", ".html", ".typ", "manifest.json"))
        temporary = any(part.startswith("._") for part in Path(path).parts)
        return wanted and not temporary and super().__call__(change, path)  # type: ignore[arg-type]


class Version:
    """A counter that threads can wait for."""

    def __init__(self) -> None:
        self.number = 0
        self.changed = threading.Condition()

    def next(self) -> None:
        with self.changed:
            self.number += 1
            self.changed.notify_all()


class _Handler(SimpleHTTPRequestHandler):
    """Serves the preview's folder, adding the reload script to pages."""

    def __init__(self, *args: object, version: Version, **kwargs: object) -> None:
        self.version = version
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path == "/_changes":
            self._changes()
            return
        if self.path == "/_reload.js":
            self._send("text/javascript", _RELOAD_SCRIPT)
            return
        path = self.translate_path(self.path)
        page = os.path.join(path, "index.html") if os.path.isdir(path) else path
        if not page.endswith(".html") or not os.path.isfile(page):
            super().do_GET()
            return
        self._send("text/html", Path(page).read_bytes().replace(b"</body>", _RELOAD))

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def translate_path(self, path: str) -> str:
        return super().translate_path(path).replace("\0", "\ufffd")  # no file has that name either, and no call chokes on it

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are not news."""

    def _is_new(self, seen: int) -> bool:
        return self.version.number != seen

    def _changes(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        seen = self.version.number
        try:
            self.wfile.write(b": listening\n\n")
            self.wfile.flush()
            while True:
                with self.version.changed:
                    self.version.changed.wait_for(partial(self._is_new, seen), timeout=15)
                news = b"data: new\n\n" if self.version.number != seen else b": still here\n\n"
                seen = self.version.number
                self.wfile.write(news)
                self.wfile.flush()
        except ConnectionError:  # the page was closed
            return


def serve(folder: Path, port: int) -> tuple[ThreadingHTTPServer, Version]:
    """Serve a folder's pages on this machine; `Version.next` makes every open page load itself again.

    Raises:
        BookError: the port is taken.
    """
    version = Version()
    handler = partial(_Handler, version=version, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise BookError(None, f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, version


def preview(root: Path, engine: str = "auto", port: int = 4200) -> None:
    """Serve the book and render it at every change, until Ctrl-C."""
    quarto = choose(engine)
    if quarto:
        subprocess.run([quarto[0], "preview", "--port", str(port)], cwd=root, env=quarto_environment(), check=False)
        return
    folder = root / PREVIEW
    folder.mkdir(parents=True, exist_ok=True)
    server, version = serve(folder, port)  # first of all: a port that is taken is told at once
    render_once(root)
    print(f"http://127.0.0.1:{server.server_port}/ shows the book; Ctrl-C ends", file=sys.stderr)
    try:
        for _ in watch(root, watch_filter=_Sources()):
            if render_once(root):
                version.next()
    finally:
        server.shutdown()
        server.server_close()


def render_once(root: Path) -> bool:
    """Render the site for the preview; says what failed and returns whether it worked."""
    command = [sys.executable, "-m", "modaddlab.report", "render", "--engine", "builtin", "--to", "html", "--output", PREVIEW]
    return subprocess.run(command, cwd=root, check=False).returncode == 0
