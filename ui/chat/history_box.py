"""The list of earlier conversations: empty, and nothing stored, until a person turns it on.

Whose conversations they are is known by a random token that only the person's browser keeps.
"""

import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr

from principles.errors import ClinAlignError
from ui.chat.answering import stopped
from ui.chat.history import History
from ui.chat.turn import Conversation, reopened

Shown = dict[Any, Any]
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
OFF = {"keep": False, "owner": ""}
INFO = (
    "Off: nothing is stored, and a conversation is gone when you leave. On: questions, answers and reviews are kept "
    "in the database of this page, and only this browser can list them. Avoid this on a shared computer."
)


class HistoryBox:
    """An accordion with the switch and the list; `browser` is what the browser keeps, {keep, owner}."""

    def __init__(self, history: History) -> None:
        self._history = history
        # The key is in every page anyway: it must only be the same after a restart.
        self.browser = gr.BrowserState(OFF, storage_key="clinalign", secret="clinalign-browser")  # noqa: S106
        with gr.Accordion("Earlier conversations", open=False, elem_id="earlier"):
            self.keep = gr.Checkbox(label="Keep my conversations", info=INFO, elem_id="keep")
            with gr.Column(visible=False, elem_id="forget-all") as self.asked:
                gr.Markdown("Nothing more is kept from now on. Delete what was kept so far, too?")
                with gr.Row():
                    self.delete = gr.Button("Delete all", variant="stop", size="sm")
                    self.leave = gr.Button("Leave it", size="sm")
            self.listed = gr.Dropdown([], label="Kept conversations", visible=False, elem_id="kept")
            with gr.Row(visible=False) as self.row:
                self.open = gr.Button("Open", size="sm")
                self.forget = gr.Button("Delete", size="sm", variant="stop")
        self.outputs = [self.listed, self.row]

    def wire(self, app: gr.Blocks, view: Callable[[Conversation], Shown], talk: Any, shown: list[Any]) -> None:
        """The events; opening a conversation puts it on the page by `view` and stops the answer that is being made."""

        def opened(chosen: str | None, browser: Any, now: Conversation) -> Shown:
            found = self.opened(chosen, browser)
            if found and now.last:
                stopped(now.last)
            return view(found) if found else {talk: now}

        browser, listed = self.browser, self.listed
        app.load(self.restored, browser, [self.keep, *self.outputs], **PRIVATE)
        self.keep.input(self.switched, [self.keep, browser, talk], [browser, self.asked, *self.outputs], **PRIVATE)
        self.delete.click(self.deleted_all, browser, [browser, self.asked, *self.outputs], **PRIVATE)
        self.leave.click(lambda: gr.update(visible=False), None, self.asked, **PRIVATE)
        self.forget.click(self.deleted, [listed, browser], self.outputs, **PRIVATE)
        self.open.click(opened, [listed, browser, talk], shown, **PRIVATE)

    def save(self, talk: Conversation, browser: Any) -> Shown:
        """Keep the conversation if the person wants that; the list as it then is."""
        owner = _owner(browser)
        if not owner or browser.get("keep") is not True or not talk.answered:
            return {}
        try:
            self._history.save(owner, talk.id, talk.messages(), [turn.result for turn in talk.answered])
        except ClinAlignError as error:
            gr.Warning(f"This conversation could not be kept: {error}")
        return self._list(owner, talk.id)

    def restored(self, browser: Any) -> Shown:
        """Switch and list as this browser left them."""
        owner = _owner(browser)
        return {self.keep: bool(owner) and browser.get("keep") is True, **self._list(owner)}

    def switched(self, keep: bool, browser: Any, talk: Conversation) -> Shown:
        """Keep from now on, or stop keeping and offer to delete what was kept."""
        owner = _owner(browser)
        if not keep:
            some = bool(owner and self._history.listed(owner))
            return {self.browser: {"keep": False, "owner": owner}, self.asked: gr.update(visible=some)}
        new = {"keep": True, "owner": owner or secrets.token_urlsafe(32)}
        return {self.browser: new, self.asked: gr.update(visible=False), **self.save(talk, new)}

    def deleted_all(self, browser: Any) -> Shown:
        """Forget all that this browser kept, and its token."""
        owner = _owner(browser)
        if owner:
            self._history.forget_all(owner)
        return {self.browser: OFF, self.asked: gr.update(visible=False), **self._list("")}

    def deleted(self, chosen: str | None, browser: Any) -> Shown:
        """Forget the chosen conversation."""
        owner = _owner(browser)
        if owner and chosen:
            self._history.forget(owner, chosen)
        return self._list(owner)

    def opened(self, chosen: str | None, browser: Any) -> Conversation | None:
        """The chosen conversation; None where there is none of this browser's."""
        owner = _owner(browser)
        found = self._history.opened(owner, chosen) if owner and chosen else None
        return reopened(str(chosen), found.messages, found.reviews) if found else None

    def _list(self, owner: str, current: str | None = None) -> Shown:
        kept = self._history.listed(owner) if owner else []
        choices = [(f"{one.changed:%Y-%m-%d %H:%M} UTC: {one.title}", one.id) for one in kept]
        value = current or (choices[0][1] if choices else None)
        there = bool(choices)
        return {self.listed: gr.update(choices=choices, value=value, visible=there), self.row: gr.update(visible=there)}


def _owner(browser: Any) -> str:
    """The token that the browser sent, or "" where it is none of ours."""
    owner = browser.get("owner") if isinstance(browser, dict) else None
    return owner if isinstance(owner, str) and len(owner) == len(secrets.token_urlsafe(32)) else ""
