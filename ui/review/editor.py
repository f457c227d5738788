"""The rubric editor: a list of criteria that is edited in the browser and sent as a whole at every change.

Gradio's table has no choice of verdicts and its rows of inputs are drawn anew by the server at each change, under
the hands of whoever types; so it is a small component of its own.
"""

from importlib.resources import files
from typing import Any

import gradio as gr

from ui.review.desk import Desk
from ui.review.drafting import Proposals

_TEMPLATE = (
    '<ol class="rubric-rows"></ol><button type="button" class="rubric-add">+ Add a criterion</button>'
    '<div class="rubric-said" role="status" aria-live="polite"></div>'
)


def rubric_editor() -> gr.HTML:
    """An empty editor. Its value is {sheet, rows}: see `shown_in_editor`."""
    return gr.HTML(
        {"sheet": "", "rows": []},
        html_template=_TEMPLATE,
        css_template=_part("css"),
        js_on_load=_part("js"),
        apply_default_css=False,
        elem_id="rubric-editor",
        proposals=None,
    )


def shown_in_editor(desk: Desk) -> dict[str, Any]:
    """The editor's value for an open review: {sheet, rows}."""
    return {"sheet": desk.sheet, "rows": [one.model_dump(mode="json") for one in desk.saved.criteria]}


def proposed_in_editor(sheet: str, proposals: Proposals) -> Any:
    """An update that gives the editor the judge's verdicts; where the clinician has given one, it stays."""
    return gr.update(proposals={"sheet": sheet, "verdicts": proposals})


def _part(kind: str) -> str:
    return files("ui").joinpath("static", f"rubric_editor.{kind}").read_text(encoding="utf-8")
