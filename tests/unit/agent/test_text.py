from hypothesis import given
from hypothesis import strategies as st

from agent import text

ANSWER = """First point here. Take ibuprofen, e.g. Advil. These are safe. Ask Dr. Smith today.

Steps:
1. **Ice**: for a while.
   Then warm it.
2. Rest well. Twice.
3. Walk.

Remember, be patient."""


def test_units_are_sentences_and_whole_list_items() -> None:
    assert [unit.text for unit in text.units(ANSWER)] == [
        "First point here.",
        "Take ibuprofen, e.g. Advil.",
        "These are safe.",
        "Ask Dr. Smith today.",
        "Steps:",
        "1. **Ice**: for a while.\n   Then warm it.",
        "2. Rest well. Twice.",
        "3. Walk.",
        "Remember, be patient.",
    ]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_units_are_spans_in_order(answer: str) -> None:
    end = 0
    for unit in text.units(answer):
        assert answer[unit.start : unit.end] == unit.text
        assert unit.start >= end
        end = unit.end


def test_a_sentence_takes_those_that_hang_on_it_along() -> None:
    whole = text.whole_thought(ANSWER, text.units(ANSWER)[1])
    assert text.whole_thought(ANSWER, text.units(ANSWER)[2]) == whole
    assert whole.text == "Take ibuprofen, e.g. Advil. These are safe."
    assert text.replace(ANSWER, whole, "Avoid it.").startswith("First point here. Avoid it. Ask Dr. Smith today.\n")


def test_removing_a_list_item_closes_the_gap_and_renumbers() -> None:
    assert "Steps:\n1. **Ice**: for a while.\n   Then warm it.\n2. Walk.\n" in text.replace(
        ANSWER, text.units(ANSWER)[6], ""
    )


def test_replacing_a_list_item_keeps_its_marker() -> None:
    assert "\n3. Swim.\n" in text.replace(ANSWER, text.units(ANSWER)[7], "Swim.")


def test_insert_after_a_sentence_goes_to_the_end_of_its_paragraph() -> None:
    assert "today. Wait.\n\nSteps:" in text.insert_after(ANSWER, text.units(ANSWER)[1], "Wait.")


def test_a_long_paragraph_does_not_grow() -> None:
    paragraph = "Word after word. " * 40
    assert text.insert_after(paragraph, text.units(paragraph)[0], "Wait.").endswith("word.\n\nWait. ")


def test_insert_after_does_not_follow_a_sign_off() -> None:
    answer = "Rest. I hope this helps."
    assert text.insert_after(answer, text.units(answer)[0], "Wait.") == "Rest. Wait. I hope this helps."


def test_insert_after_an_item_goes_behind_the_list() -> None:
    assert "3. Walk.\n\nWait.\n\nRemember" in text.insert_after(ANSWER, text.units(ANSWER)[5], "Wait.")


def test_closing_goes_before_a_sign_off() -> None:
    assert text.insert_closing(ANSWER, "Call back.").endswith("3. Walk.\n\nCall back. Remember, be patient.")
    assert text.insert_closing("Rest.", "Call back.") == "Rest. Call back."
    assert text.insert_closing("- rest", "Call back.") == "- rest\n\nCall back."


def test_a_long_last_paragraph_does_not_grow_either() -> None:
    long = "Rest well. " + "word " * 70 + "end."
    assert text.insert_closing(f"Short.\n\n{long}", "Call back.").endswith("end.\n\nCall back.")
    assert text.insert_closing(f"{long}\n\nShort.", "Call back.").endswith("Short. Call back.")


def test_words_without_an_end_are_not_run_on_from() -> None:
    assert text.insert_closing("rest could be helpful", "Call back.") == "rest could be helpful\n\nCall back."
    assert text.insert_closing('He said "rest."', "Call back.") == 'He said "rest." Call back.'


def test_opening_is_a_paragraph_of_its_own() -> None:
    assert text.insert_opening("Rest.", "Call now.") == "Call now.\n\nRest."


def test_empty_answer() -> None:
    assert text.units("") == []
    assert text.insert_closing("", "Call back.") == "Call back."
