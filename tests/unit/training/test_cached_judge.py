import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from principles.errors import ConfigError, ModelError
from principles.grader import Turns
from principles.schema import Criterion, Label, Rubric, Verdict
from training.judge.batch import Asked, ManyJudge, judged
from training.judge.cached import CachedJudge, cached_judge

TURNS = [{"role": "user", "content": "SECRET question"}, {"role": "assistant", "content": "SECRET reply"}]


class Counting:
    """MET with a probability of 0.75 for even ids, UNKNOWN where the text says so; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        self.asked += [criterion.id for criterion in criteria]
        return [self.verdict(criterion) for criterion in criteria if "left out" not in criterion.text]

    def verdict(self, criterion: Criterion) -> Verdict:
        if "unknown" in criterion.text:
            return Verdict(criterion_id=criterion.id, label=Label.UNKNOWN)
        return Verdict(criterion_id=criterion.id, label=Label.MET, probability=0.75, reason="SECRET reason")


def criterion(name: str, **fields: object) -> Criterion:
    return Criterion.model_validate({"id": name, "text": f"SECRET {name}?", "points": 5} | fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "verdicts.sqlite"


def test_a_verdict_is_asked_for_once(path: Path) -> None:
    inner = Counting()
    for asked in (["a", "b"], ["b", "c", "a"]):
        judge = CachedJudge(inner, path, "m")
        found = judge.verdicts(TURNS, "x", [criterion(name) for name in asked])
        assert [(v.criterion_id, v.label, v.probability) for v in found] == [(n, Label.MET, 0.75) for n in asked]
        judge.close()
    assert inner.asked == ["a", "b", "c"]


class Batches(Counting):
    """Takes many answers in one pass, and notes what each pass was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[list[tuple[str, list[str]]]] = []

    def verdicts_many(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        self.passes.append([(answer, [one.id for one in criteria]) for _, answer, criteria in asked])
        return [self.verdicts(*one) for one in asked]


def rubric(*names: str) -> Rubric:
    return Rubric(criteria=tuple(criterion(name) for name in names))


def test_a_judge_that_takes_batches_is_asked_in_one_for_what_is_not_there(path: Path) -> None:
    inner = Batches()
    judge = cached_judge(inner, path, "m")
    assert isinstance(judge, ManyJudge)
    judge.verdicts(TURNS, "x", [criterion("a")])
    inner.passes.clear()
    cases = [(rubric("a", "b"), TURNS, "x"), (rubric("a"), TURNS, "x"), (rubric("c", "a"), TURNS, "y")]
    grades = judged(cases, judge)
    assert inner.passes == [[("x", ["b"]), ("y", ["c", "a"])]]
    assert [[v.criterion_id for v in grade.verdicts] for grade in grades if grade] == [["a", "b"], ["a"], ["c", "a"]]
    again = judged(cases, judge)
    assert [one and one.score for one in again] == [one and one.score for one in grades] == [1, 1, 1]
    assert len(inner.passes) == 1


def test_the_same_answer_twice_in_a_batch_is_asked_about_once(path: Path) -> None:
    inner = Batches()
    asked = [criterion("a"), criterion("b", text="unknown")]
    found = cached_judge(inner, path, "m").verdicts_many([(TURNS, "x", asked)] * 3)  # type: ignore[attr-defined]
    assert inner.asked == ["a", "b"]
    assert found == [found[0]] * 3
    assert rows(path) == 1  # what it could not tell is asked again


def test_a_batch_that_fails_stores_nothing(path: Path) -> None:
    class Down(Batches):
        def verdicts_many(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
            raise ModelError("down")

    with pytest.raises(ModelError):
        cached_judge(Down(), path, "m").verdicts_many([(TURNS, "x", [criterion("a")])])  # type: ignore[attr-defined]
    assert rows(path) == 0


def test_a_judge_without_batches_has_none_behind_the_cache(path: Path) -> None:
    """Else several answers could not be asked about at a time, and one that fails would take the others with it."""
    assert not isinstance(cached_judge(Counting(), path, "m"), ManyJudge)


def test_the_id_is_the_callers(path: Path) -> None:
    judge = CachedJudge(Counting(), path, "m")
    judge.verdicts(TURNS, "x", [criterion("a", text="Same?")])
    (verdict,) = judge.verdicts(TURNS, "x", [criterion("z", text="Same?")])
    assert verdict.criterion_id == "z"


def test_everything_that_can_change_a_verdict_is_in_the_key(path: Path) -> None:
    inner, base = Counting(), criterion("a")
    CachedJudge(inner, path, "m").verdicts(TURNS, "x", [base])
    others = [
        ("n", TURNS, "x", base),
        ("m", TURNS, "y", base),
        ("m", TURNS[:1], "x", base),
        ("m", [TURNS[0] | {"role": "assistant"}, TURNS[1]], "x", base),
        ("m", [{"role": "user", "content": "SECRET questionSECRET reply"}], "x", base),
        ("m", TURNS, "x", criterion("a", text="Other?")),
        ("m", TURNS, "x", criterion("a", points=-5)),
        ("m", TURNS, "x", criterion("a", points=6)),
        ("m", TURNS, "x", criterion("a", safety_critical=True)),
    ]
    for identity, turns, answer, asked in others:
        CachedJudge(inner, path, identity).verdicts(turns, answer, [asked])
    assert len(inner.asked) == 1 + len(others)


def test_unknown_and_left_out_are_asked_again(path: Path) -> None:
    inner = Counting()
    judge = CachedJudge(inner, path, "m")
    asked = [criterion("a", text="unknown"), criterion("b"), criterion("c", text="left out")]
    for _ in range(2):
        found = judge.verdicts(TURNS, "x", asked)
        assert [(v.criterion_id, v.label) for v in found] == [("a", Label.UNKNOWN), ("b", Label.MET)]
    assert inner.asked == ["a", "b", "c", "a", "c"]


def test_an_error_of_the_judge_comes_through_and_stores_nothing(path: Path) -> None:
    class Down:
        def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
            raise ModelError("down")

    with pytest.raises(ModelError):
        CachedJudge(Down(), path, "m").verdicts(TURNS, "x", [criterion("a")])
    assert rows(path) == 0


def test_no_text_is_in_the_file(path: Path) -> None:
    judge = CachedJudge(Counting(), path, "SECRET identity")
    judge.verdicts(TURNS, "SECRET answer \ud800", [criterion("a")])
    for file in path.parent.iterdir():
        assert b"SECRET" not in file.read_bytes()
    judge.close()
    assert b"SECRET" not in path.read_bytes()
    assert rows(path) == 1


def rows(path: Path) -> int:
    file = sqlite3.connect(path)
    try:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(file.execute("SELECT count(*) FROM verdicts").fetchone()[0])
    finally:
        file.close()


def test_threads_share_one_judge(path: Path) -> None:
    inner = Counting()
    judge = CachedJudge(inner, path, "m")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for answer in range(20):
                judge.verdicts(TURNS, str(answer), [criterion(f"{number % 4}-{k}") for k in range(3)])
        except BaseException as error:  # noqa: BLE001 - the thread's own error is what is tested
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rows(path) == 4 * 20 * 3


# Judges answer after answer, and says each that was stored.
WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from training.judge.cached import CachedJudge
    from tests.unit.training.test_cached_judge import TURNS, Counting, criterion
    judge = CachedJudge(Counting(), Path(sys.argv[1]), "m")
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        judge.verdicts(TURNS, str(number), [criterion(f"k{k}") for k in range(3)])
        print(number, flush=True)
    """
)


def writer(path: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last)]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def test_a_kill_at_any_moment_leaves_every_verdict_that_was_given(path: Path) -> None:
    said = -1
    for pause in (0.0, 0.01, 0.05):
        with writer(path, said + 1, 1_000_000) as process:
            assert process.stdout is not None
            said = int(process.stdout.readline())  # it writes from now on without a break
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
            said = int((process.stdout.read().split() or [said])[-1])
        assert rows(path) >= 3 * (said + 1)
        inner = Counting()
        judge = CachedJudge(inner, path, "m")
        for number in range(said + 1):
            assert len(judge.verdicts(TURNS, str(number), [criterion(f"k{k}") for k in range(3)])) == 3
        assert inner.asked == []
        judge.close()
    assert said > 20


def test_two_processes_at_once(path: Path) -> None:
    with writer(path, 0, 150) as one, writer(path, 100, 250) as other:
        ends = [process.communicate(timeout=60)[0].count("\n") for process in (one, other)]
    assert ends == [150, 150]
    assert rows(path) == 3 * 250


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be looked at", b"SQLite format 3\0 junk"]
)
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.sqlite"
    path.write_bytes(content * 100)
    with pytest.raises(ConfigError, match=r"delete it .* or name another file"):
        CachedJudge(Counting(), path, "m")
    assert path.read_bytes() == content * 100


def test_another_programs_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE verdicts (guilty TEXT)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="no cache of verdicts"):
        CachedJudge(Counting(), path, "m")
    assert path.read_bytes() == before


def test_damage_in_the_middle_is_found_when_it_is_opened(path: Path) -> None:
    judge = CachedJudge(Counting(), path, "m")
    for answer in range(100):
        judge.verdicts(TURNS, str(answer), [criterion(f"k{k}") for k in range(10)])
    judge.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        CachedJudge(Counting(), path, "m")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        CachedJudge(Counting(), tmp_path / "file" / "v.sqlite", "m")
    with pytest.raises(ConfigError, match="cannot be used"):
        CachedJudge(Counting(), tmp_path, "m")
