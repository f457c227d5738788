"""Words of alarm in the languages that the page speaks; in English, in which the scenario is read, of bites alone.

What a small model makes of a cry for help in Hindi or Arabic may be a headache after cake. So the words by which people
tell of an emergency are looked for in the question as it was written, too: alarms.yaml, by ISO 639-1 code.
"""

from agent.language import language_of
from principles.patterns import patterns


def alarming(text: str) -> bool:
    """Whether a question tells of an emergency in the words of its own language."""
    pattern = patterns("agent", "alarms").get(language_of(text))
    return bool(pattern and pattern.search(text))
