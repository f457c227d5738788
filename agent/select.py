"""Which of the retrieved principles the question is really about.

Search by likeness alone brings in neighbours (advice for pregnancy, say, to any question about medicines),
and a principle that does not apply does harm: its advice would be added. Where it was learnt which questions a
principle belongs to, that decides (`agent.critic.belonging`). For all others the model is asked
whether what the principle says of its questions is true of this one, and both signals count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.critic.judge import ModelJudge
from agent.rubric import Selected, Written, from_templates
from principles.errors import ModelError
from principles.grader import Turns
from principles.schema import Expertise, Principle, Scenario, Urgency
from retrieval.retriever import Retrieved

# Cosine of the search plus P(applies), chosen by reading selections: a missed danger costs more than a
# needless sentence, so less is asked of safety-critical principles.
LEAST_EVIDENCE = 1.0
LEAST_EVIDENCE_IF_SAFETY_CRITICAL = 0.85
# What is not about expertise is worded for laypersons: to a colleague it must be plainly to the point.
MORE_FOR_COLLEAGUES = 0.25
# The scenario's own confidence plus P(applies), for a mandatory principle of a scenario that is a guess.
LEAST_EVIDENCE_IF_MANDATORY = 0.8
# P(belongs) from which a principle that was learnt is taken, by the labels of questions whose hand was left out
# (`python -m training critic measure --left-out`): nine in ten of what may be added belong or may. A danger missed is
# worse than a needless sentence, and asking in vain about a fault costs one verdict: without one nothing changes.
LEAST_BELONGING, LEAST_BELONGING_IF_SAFETY_CRITICAL, LEAST_BELONGING_OF_A_FAULT = 0.8, 0.4, 0.2
# The same for what is mandatory, but for an emergency's, which are never asked about.
LEAST_BELONGING_IF_MANDATORY = 0.3
# Where the model cannot say, there is only the cosine.
LEAST_SIMILARITY = 0.5


@dataclass(frozen=True)
class SelectingWriter:
    """The principles' own criteria, of those that apply by the judge's word: see `select`."""

    judge: ModelJudge

    def write(self, turns: Turns, scenario: Scenario, found: Sequence[Retrieved]) -> Written:
        """See `agent.rubric.Writer`."""
        return from_templates(select(found, scenario, turns, self.judge), turns)


def select(found: Sequence[Retrieved], scenario: Scenario, turns: Turns, judge: ModelJudge) -> list[Selected]:
    """The principles that apply, in their order.

    Those mandatory in an emergency are never asked about; others that are mandatory and were not learnt only where the
    scenario was a guess. Where the model fails, the nearest are taken on their likeness alone: the critique will
    report the failure.
    """
    chosen: list[Selected] = []
    for position, one in enumerate(found):
        if out_of_place(one.principle, scenario):
            continue
        if one.mandatory and _of_emergency(one.principle, scenario):
            chosen.append(Selected(one, one.belongs))
            continue
        if one.belongs is not None:
            if one.belongs >= least_belonging(one.principle, one.mandatory):
                chosen.append(Selected(one, one.belongs))
            continue
        if one.mandatory and one.principle.dimension not in scenario.guessed:
            chosen.append(Selected(one, None))
            continue
        try:
            chance = judge.applies(turns, one.principle)
        except ModelError:
            return chosen + [Selected(rest, None) for rest in found[position:] if _holds(rest, None, scenario)]
        if _holds(one, chance, scenario):
            chosen.append(Selected(one, chance))
    return chosen


def least_belonging(principle: Principle, mandatory: bool = False) -> float:
    """P(belongs) from which a principle that was learnt is taken."""
    if principle.points < 0:
        return LEAST_BELONGING_OF_A_FAULT
    if mandatory:
        return LEAST_BELONGING_IF_MANDATORY
    return LEAST_BELONGING_IF_SAFETY_CRITICAL if principle.safety_critical else LEAST_BELONGING


def out_of_place(principle: Principle, scenario: Scenario) -> bool:
    """Advice for colleagues to a layperson, or the reverse; what can wait in an emergency, unless that is a guess."""
    if principle.dimension == "expertise":
        return scenario.expertise not in principle.values
    emergency = scenario.urgency is Urgency.EMERGENT and "urgency" not in scenario.guessed
    return emergency and not principle.safety_critical


def _of_emergency(principle: Principle, scenario: Scenario) -> bool:
    """To call for help in vain costs less than to drop it: also where the emergency is a guess."""
    return scenario.urgency is Urgency.EMERGENT and Urgency.EMERGENT in principle.values


def _holds(one: Retrieved, chance: float | None, scenario: Scenario) -> bool:
    if chance is None:
        return one.mandatory or one.similarity >= LEAST_SIMILARITY
    if one.mandatory:
        return scenario.confidence.get(one.principle.dimension, 1.0) + chance >= LEAST_EVIDENCE_IF_MANDATORY
    needed = LEAST_EVIDENCE_IF_SAFETY_CRITICAL if one.principle.safety_critical else LEAST_EVIDENCE
    if scenario.expertise is Expertise.HEALTH_PROFESSIONAL and one.principle.dimension != "expertise":
        needed += MORE_FOR_COLLEAGUES
    return one.similarity + chance >= needed
