"""`python -m training hard add | drop`: the list of HealthBench Hard's prompts, by which training refuses them.

`add` takes files whose items are all Hard, or say with `hard` which are, and adds the hashes of their prompts to the
list. `drop` writes a file again without the items that are Hard. No text enters the list.
"""

import argparse
import json
import sys
from pathlib import Path

from principles.errors import ConfigError
from principles.files import write_atomic
from principles.hard import DIGITS, LEAST, LIST, digests, known
from principles.lines import by_item
from principles.records import records
from training.common.questions import question_of_record

HEAD = f"""\
# HealthBench Hard's prompts that are known, made by `python -m training hard add`: of each conversation, and of each
# user's message of at least {LEAST} letters and digits, the first {DIGITS} hexadecimal digits of the SHA-256. See
# principles/hard.py.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("what", choices=("add", "drop"), help="add to the list, or drop from a file what is in it")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="questions, with or without rubrics, in any form of docs/formats.md",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="with drop: the rest; with add: another list")


def run(given: argparse.Namespace) -> int:
    """Add or drop as `given`; returns the exit status. Raises ConfigError on bad input."""
    if given.what == "add":
        return _add(given.files, given.out or LIST)
    if given.out is None or len(given.files) != 1:
        raise ConfigError("hard drop takes one file, and with --out where the rest of it goes")
    return _drop(given.files[0], given.out)


def _add(paths: list[Path], out: Path) -> int:
    before = set(known(out)) if out.exists() else set()
    after = set(before)
    for path in paths:
        added = 0
        for place, record in by_item(records(path), path):
            if record.get("hard") is not False:
                after |= digests(question_of_record(record, path, place).turns)
                added += 1
        print(f"{path}: {added} prompts", file=sys.stderr)
    write_atomic(out, HEAD + "".join(f"{one}\n" for one in sorted(after)))
    known.cache_clear()
    print(f"{out}: {len(after)} hashes, {len(after - before)} of them new", file=sys.stderr)
    return 0


def _drop(path: Path, out: Path) -> int:
    read = [(question_of_record(record, path, place), record) for place, record in by_item(records(path), path)]
    kept = [record for question, record in read if not question.hard]
    write_atomic(out, "".join(json.dumps(record, ensure_ascii=False, default=str) + "\n" for record in kept))
    print(f"{out}: {len(kept)} of {len(read)} questions; the others are of HealthBench Hard", file=sys.stderr)
    return 0
