"""From the corrections of one principle to what is proposed for it."""

from dataclasses import dataclass
from pathlib import Path

from agent.llm.client import Model
from principles.library import Library
from training.reviews.learn.corrections import Corrected
from training.reviews.learn.proposal import diff, with_criteria
from training.reviews.learn.report import Proposal
from training.reviews.learn.rewriting import rewritten, wording_fault
from training.reviews.learn.wording import Encode, Wording, shared_wording

UNKNOWN = "The library has no principle of this id: nothing is proposed."
NEVER_REWORDED = (
    "No reviewer gave other words for it, so none are proposed. Where it was removed, it may be brought in too often: "
    "look at its `applies_when` and `facets`."
)
UNUSABLE = (
    "No corrected wording could stand in the library as it is: it has braces, which are for slots, or its reviewer "
    "turned the sign of its points, so that yes means the opposite there."
)
SAME = "The corrected wording is the library's own, filled in: nothing is proposed."
NOT_WRITTEN = "The model gave no usable wording; this is the reviewers'."


@dataclass(frozen=True)
class Proposer:
    """Over one library: its `text` as it stands in the file `path`. `model` writes, under the name that it goes by;
    without one the reviewers' own words are taken."""

    library: Library
    text: str
    path: Path
    encode: Encode
    model: Model | None = None
    name: str = ""

    def propose(self, one: Corrected) -> Proposal:
        """Raises ModelError where the model fails."""
        if one.principle_id not in self.library:
            return Proposal(one, None, reason=UNKNOWN)
        principle = self.library.get(one.principle_id)
        if not one.count("reworded"):
            return Proposal(one, principle.criterion, reason=NEVER_REWORDED)
        wording, note = None, ""
        if self.model:
            wording = rewritten(principle, one.corrections, self.model, self.name)
            note = "" if wording else NOT_WRITTEN
        wording = wording or shared_wording(principle, one.corrections, self.encode)
        if wording is None:
            return Proposal(one, principle.criterion, reason=UNUSABLE)
        if wording.text == principle.criterion:
            return Proposal(one, principle.criterion, reason=SAME)
        if fault := wording_fault(wording.text, principle):
            note = f"{note} The gate of synthesis would drop criteria in these words: {fault}.".strip()
        return Proposal(one, principle.criterion, wording, self._diff(one.principle_id, wording), note=note)

    def _diff(self, name: str, wording: Wording) -> str:
        return diff(self.text, with_criteria(self.text, {name: wording.text}, self.path), self.path)
