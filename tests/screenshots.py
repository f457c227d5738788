"""The pictures of the page for the README: `python -m tests.screenshots` writes docs/img/*.png.

Principles, search and scenario are the real ones; the model is scripted, so that the pictures come out alike, or the
configured one with --real.
"""

import argparse
import io
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from principles.files import write_atomic
from principles.library import load_library
from tests.e2e.chat_page import CHROMIUM, FLAGS, ask, button, finished
from tests.fakes import ScriptedChat
from tests.served import served

FOLDER = Path(__file__).parents[1] / "docs" / "img"
MOST_BYTES = 300_000
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WARFARIN = "I take warfarin. Can I take ibuprofen for my back pain?"
CHEST = "My father has had crushing chest pain and has been sweating for 20 minutes. What should I do?"
DRAFTS = {
    WARFARIN: "Ibuprofen is a common painkiller for back pain. Heat, gentle movement and a short rest help as well."
    "\n\nMost back pain is better within some weeks.",
    CHEST: "Your father should sit down and rest. Chest pain can have many causes, and some of them pass by "
    "themselves.\n\nIf it is not better tomorrow, make an appointment with his doctor.",
}
FAULT = "If it is not better tomorrow"
# A search by likeness brings in others, too; these are what the two questions are about.
FITTING = (
    "task.anticoagulant-bleeding",
    "uncertainty.asks-medicines-allergies-kidneys",
    "urgency.name-warning-signs",
    "urgency.chest-pain",
)


class Actor(ScriptedChat):
    """Has a draft for each of the two questions."""

    def _stream(self, messages: Any, *args: Any, **options: Any) -> Iterator[Any]:
        draft = DRAFTS.get(str(messages[-1].text), next(iter(DRAFTS.values())))
        yield from ScriptedChat._stream(self.model_copy(update={"draft": draft}), messages, *args, **options)


def critic(prompt: str) -> float:
    """A judge that knows the fault of a draft, and sees what a principle asks for where its advice stands."""
    library = load_library()
    if "Answer:" not in prompt and "the sentence quoted below" not in prompt:
        conditions = (library.get(one).applies_when[1:].rstrip(".") for one in FITTING)
        return 0.93 if any(condition in prompt for condition in conditions) else 0.04
    for principle in library.principles:
        if asked := list(_pattern(principle.criterion).finditer(prompt)):
            said = prompt.replace(asked[-1][0], "")
            return 0.94 if (FAULT if principle.points < 0 else principle.advice[:40]) in said else 0.08
    return 0.1


@cache
def _pattern(criterion: str) -> re.Pattern[str]:
    """A criterion as it stands in a prompt: its slots hold what the question says."""
    return re.compile(re.sub(r"\\{\w+\\}", ".{1,80}?", re.escape(criterion)))


def taken(address: str) -> Iterator[tuple[str, bytes]]:
    """(file name, PNG) of each picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120_000)
        for name, question, size, dark in (
            ("chat", WARFARIN, DESKTOP, False),
            ("chat-phone", WARFARIN, PHONE, False),
            ("chat-dark", CHEST, DESKTOP, True),
        ):
            page = browser.new_page(viewport=size, device_scale_factor=2 if size is PHONE else 1)
            page.set_default_timeout(600_000)
            page.goto(address)
            page.get_by_role("heading", name="Ask a health question").wait_for()
            if dark:
                button(page, "Dark or light").click()
            ask(page, question)
            finished(page)
            page.evaluate("window.scrollTo(0, 0)")
            page.wait_for_timeout(1_500)
            yield f"{name}.png", page.screenshot()
            page.close()


def small(png: bytes) -> bytes:
    """The same picture with at most 256 colours."""
    made = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(made, "PNG", optimize=True)
    return made.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--real", action="store_true", help="with the configured model instead of a scripted one")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default docs/img)")
    chosen = parser.parse_args(arguments)
    if CHROMIUM is None:
        print("no Chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 2
    with served(None if chosen.real else Actor(chance=critic)) as address:
        for name, png in taken(address):
            picture = small(png)
            if len(picture) > MOST_BYTES:
                print(f"{name}: {len(picture):,} bytes, more than {MOST_BYTES:,}", file=sys.stderr)
                return 1
            write_atomic(chosen.folder / name, picture)
            print(f"{chosen.folder / name}: {len(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
