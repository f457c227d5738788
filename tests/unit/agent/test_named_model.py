"""Models by name: a GGUF file, and repositories of a hub that is imitated on this machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from agent.llm.endpoint import embedded_name
from agent.llm.named import profile_named
from agent.llm.weights import ensure_weights
from principles.errors import ConfigError, WeightsError

REPOSITORY = "someone/Tiny-GGUF"


class Hub:
    """A repository with files by name; `said` overrides the SHA-256 that it states, `asked` are the paths."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.revision, self.said = files, "a" * 40, ""
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                hub.asked.append(self.path)
                path = self.path.partition("?")[0]
                if path == f"/api/models/{REPOSITORY}":
                    self._send(200, json.dumps(hub.info()).encode())
                else:
                    name = path.removeprefix(f"/{REPOSITORY}/resolve/{hub.revision}/")
                    self._send(200 if name in hub.files else 404, hub.files.get(name, b""))

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if status == 404:
                    self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def info(self) -> dict[str, Any]:
        def lfs(content: bytes) -> dict[str, Any]:
            digest = self.said or hashlib.sha256(content).hexdigest()
            return {"sha256": digest, "oid": digest, "size": len(content), "pointerSize": 130}

        files = [
            {"rfilename": name, "size": len(content), "blobId": "b", "lfs": lfs(content)}
            for name, content in self.files.items()
        ]
        return {"id": REPOSITORY, "modelId": REPOSITORY, "sha": self.revision, "siblings": files, "tags": []}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub(
        {
            "README.md": b"text",
            "mmproj-tiny-Q4_K_M.gguf": b"pictures",
            "tiny-F16.gguf": b"sixteen",
            "tiny-Q4_K_M.gguf": b"four",
            "q8/tiny-Q8_0.gguf": b"eight",
        }
    )
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "ENDPOINT", made.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", made.url + template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(
    ("quant", "content"), [("", b"four"), (":Q4_K_M", b"four"), (":q8_0", b"eight"), (":F16", b"sixteen")]
)
def test_a_repository_is_named_as_llama_cpp_does(hub: Hub, quant: str, content: bytes) -> None:
    assert ensure_weights(profile_named(REPOSITORY + quant)).read_bytes() == content


def test_the_revision_of_the_first_download_stays(hub: Hub) -> None:
    path = ensure_weights(profile_named(REPOSITORY))
    assert json.loads((path.parent / "pinned.json").read_text())["revision"] == "a" * 40
    asked = len(hub.asked)
    hub.revision, hub.files["tiny-Q4_K_M.gguf"] = "b" * 40, b"other"
    assert ensure_weights(profile_named(REPOSITORY)).read_bytes() == b"four"
    assert len(hub.asked) == asked, "the hub is asked once"


def test_another_file_than_the_hub_states_is_not_taken(hub: Hub) -> None:
    hub.said = "0" * 64
    with pytest.raises(WeightsError, match="expected SHA-256 0000"):
        ensure_weights(profile_named(REPOSITORY))


@pytest.mark.parametrize(
    ("files", "name", "said"),
    [
        ({"tiny-F16.gguf": b""}, f"{REPOSITORY}:Q2_K", "no file of Q2_K: it has tiny-F16.gguf"),
        ({"model.safetensors": b""}, REPOSITORY, "holds no GGUF file: serve it with"),
        ({"tiny-Q4_K_M-00001-of-00002.gguf": b""}, REPOSITORY, "in parts"),
        ({}, "someone/else", "the hub has no model someone/else"),
    ],
)
def test_what_cannot_be_run_is_said(hub: Hub, files: dict[str, bytes], name: str, said: str) -> None:
    hub.files = files
    with pytest.raises(ConfigError, match=said):
        profile_named(name)


def test_a_hub_that_does_not_answer_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="does not say what") as raised:
        profile_named(REPOSITORY)
    assert raised.value.retryable


@pytest.mark.parametrize("name", ["../x/y", "a/b/c", "a/b:", "http://a/b", "a b/c", "/a/b", "."])
def test_no_other_text_is_asked_of_the_hub(hub: Hub, name: str) -> None:
    with pytest.raises(ConfigError, match="unknown model"):
        profile_named(name)
    assert hub.asked == []


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "mine.gguf"
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    profile = profile_named(str(path))
    assert (ensure_weights(profile), profile.name) == (path, "mine")
    assert embedded_name(str(path)) == "mine"
    (tmp_path / "text.gguf").write_text("text")
    for wrong in ("text.gguf", "none.gguf"):
        with pytest.raises(ConfigError, match=wrong):
            profile_named(str(tmp_path / wrong))
