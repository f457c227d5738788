"""What the knowledge cards have to say of one answer: for the critique and for a grade alike."""

from agent.claims import ClaimCritic, Claims
from agent.conversation import question_in_context
from agent.language import language_of
from agent.scenario.subject import searched
from principles.grader import Turns
from principles.schema import Scenario, Urgency
from retrieval.retriever import Retrieved


def claims_about(critic: ClaimCritic | None, english: Turns) -> Claims | None:
    """The cards in the light of a conversation, which is read in English."""
    return critic.about(question_in_context(searched(english))) if critic else None


def contradicted(claims: Claims | None, answer: str, scenario: Scenario, document: bool) -> list[Retrieved]:
    """The cards that an answer contradicts, with P(it does): each is a fault.

    In an emergency the call for help is what counts, and a document keeps its words. The cards are read in English.
    """
    left_alone = document or scenario.urgency is Urgency.EMERGENT
    if claims is None or left_alone or language_of(answer) != "en":
        return []
    return [Retrieved(one.fact, one.chance, mandatory=False) for one in claims.contradictions(answer)]
