"""An adapter of one's own: what is refused before a model is loaded, and who it belongs to."""

import os
import struct
from pathlib import Path

import pytest

from agent import cli
from agent.llm.adapter import named_adapter, read_adapter, require_fit
from agent.llm.endpoint import embedded_name, resolve_endpoint
from agent.llm.gguf import head_of
from agent.llm.server import LocalServer
from agent.resources import Resources
from principles.errors import ConfigError, ModelError
from training.common.settings import settings_of

ADAPTER = {"general.architecture": "qwen2", "general.type": "adapter", "qwen2.block_count": 24, "adapter.type": "lora"}
BASE = {"general.architecture": "qwen2", "general.type": "model", "qwen2.block_count": 24}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(path: Path, said: dict[str, object], count: int | None = None) -> Path:
    """A GGUF file's head: strings, whole numbers, and lists of either."""
    parts = [b"GGUF" + struct.pack("<IQQ", 3, 0, len(said) if count is None else count)]
    for key, value in said.items():
        parts.append(text(key))
        if isinstance(value, str):
            parts.append(struct.pack("<I", 8) + text(value))
        elif isinstance(value, int):
            parts.append(struct.pack("<II", 4, value))
        elif isinstance(value, list) and isinstance(value[0], str):
            parts.append(struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value)))
        elif isinstance(value, list):
            parts.append(struct.pack(f"<IIQ{len(value)}I", 9, 4, len(value), *value))
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return gguf(tmp_path / "mine.gguf", {"tokens": ["a", "b"], "types": [1, 2, 3], **ADAPTER})


def test_the_head_is_read_past_lists_and_no_further_than_asked(tmp_path: Path, adapter: Path) -> None:
    assert head_of(adapter, "adapter.type", "qwen2.block_count", "nothing") == {
        "adapter.type": "lora",
        "qwen2.block_count": 24,
    }
    endless = gguf(tmp_path / "cut.gguf", ADAPTER, count=1000)
    assert head_of(endless, "general.type") == {"general.type": "adapter"}
    with pytest.raises(ConfigError, match="damaged"):
        head_of(endless, "what it does not have")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04" + bytes(100),
        b"GGUF" + struct.pack("<IQQ", 9, 0, 1),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62) + b"key",
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 62),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 1 << 62),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"\xff" + struct.pack("<II", 4, 1),
    ],
)
def test_what_is_no_gguf_file_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a GGUF file, or it is damaged"):
        read_adapter(path)


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_adapter(tmp_path / "none.gguf")
    with pytest.raises(ConfigError, match="not of a LoRA adapter"):
        read_adapter(gguf(tmp_path / "model.gguf", BASE))
    with pytest.raises(ConfigError, match="not of a LoRA adapter"):
        read_adapter(gguf(tmp_path / "other.gguf", ADAPTER | {"adapter.type": "other"}))
    with pytest.raises(ConfigError, match=r"this is a folder$"):
        read_adapter(tmp_path)
    gguf(tmp_path / "adapter.gguf", ADAPTER)
    with pytest.raises(ConfigError, match=r"this is a folder: give .*adapter\.gguf"):
        read_adapter(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="there is no such file"):
        read_adapter(tmp_path / "pipe")


def test_an_adapter_for_another_model_is_refused_before_the_model_is_loaded(tmp_path: Path, adapter: Path) -> None:
    fits = gguf(tmp_path / "fits.gguf", BASE)
    require_fit(read_adapter(adapter), fits, "some-qwen")
    silent = gguf(tmp_path / "silent.gguf", {name: value for name, value in ADAPTER.items() if "count" not in name})
    require_fit(read_adapter(silent), fits, "some-qwen")
    deeper = gguf(tmp_path / "deeper.gguf", BASE | {"qwen2.block_count": 28})
    with pytest.raises(ConfigError, match=r"for a qwen2 of 24 layers, and some-qwen is a qwen2 of 28 layers: choose"):
        LocalServer(deeper, "some-qwen", adapter=read_adapter(adapter))
    other = gguf(tmp_path / "other.gguf", {"general.architecture": "qwen3", "qwen3.block_count": 24})
    with pytest.raises(ConfigError, match="and some-qwen is a qwen3 of 24 layers"):
        LocalServer(other, "some-qwen", adapter=read_adapter(adapter))


def test_its_name_tells_what_answers(tmp_path: Path, adapter: Path) -> None:
    name = embedded_name(adapter=adapter)
    assert name is not None
    assert name.startswith("qwen2.5-coder-1.5b+mine-")
    odd = gguf(tmp_path / "a, b'.gguf", ADAPTER)
    assert read_adapter(odd).label.startswith("a__b_-")
    (tmp_path / "later").mkdir()
    later = gguf(tmp_path / "later" / "mine.gguf", ADAPTER | {"qwen2.block_count": 23})
    assert embedded_name(adapter=later) != name
    assert embedded_name("qwen2.5-coder-0.5b") == "qwen2.5-coder-0.5b"


def test_an_endpoint_of_ones_own_takes_no_adapter(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"http://127.0.0.1:1/v1 is to answer: load it there"):
        resolve_endpoint(base_url="http://127.0.0.1:1/v1", adapter=adapter)
    monkeypatch.setenv("CLINALIGN_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(ConfigError, match="load it there"):
        resolve_endpoint(adapter=adapter)


def test_the_variable_is_for_the_environments_model(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_adapter() is None
    monkeypatch.setenv("CLINALIGN_ADAPTER", str(adapter))
    assert named_adapter() == adapter
    assert named_adapter("http://127.0.0.1:1/v1") is None


def test_the_agent_asks_for_the_adapter_it_was_given_or_the_environment_names(
    tmp_path: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def resolve(profile: object, base_url: object, report: object, adapter: object) -> None:
        asked.append(adapter)
        raise ModelError("no model here")

    monkeypatch.setattr("agent.resources.resolve_endpoint", resolve)
    other = tmp_path / "other.gguf"
    monkeypatch.setenv("CLINALIGN_ADAPTER", str(other))
    for resources in (Resources(adapter=adapter), Resources(), Resources(base_url="http://127.0.0.1:1/v1")):
        with pytest.raises(ModelError):
            resources.model()
    assert asked == [adapter, other, None]


@pytest.mark.parametrize("option", [True, False])
def test_the_command_says_what_is_wrong(
    tmp_path: Path, option: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.gguf"
    if not option:
        monkeypatch.setenv("CLINALIGN_ADAPTER", str(missing))
    arguments = ["Is it?", *(["--adapter", str(missing)] if option else [])]
    assert cli.main(arguments) == 2
    assert f"clinalign: {missing}: there is no such file" in capsys.readouterr().err
    assert cli.main([*arguments, "--base-url", "http://127.0.0.1:1/v1"]) == 2
    assert "load it there" in capsys.readouterr().err


def test_figures_depend_on_the_adapter_of_who_answers_alone(
    tmp_path: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import argparse

    given = argparse.Namespace(
        answers="agent", model=None, base_url=None, judge="logprob", judge_model=None, judge_base_url=None,
        data=adapter, limit=None, shuffle_seed=None,
    )  # fmt: skip
    before = settings_of(given)
    monkeypatch.setenv("CLINALIGN_ADAPTER", str(adapter))
    after = settings_of(given)
    assert after["answers"]["model"] == embedded_name(adapter=adapter)
    assert after["answers"] != before["answers"]
    assert after["judge"] == before["judge"]
