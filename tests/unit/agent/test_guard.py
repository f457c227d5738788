import pytest

from agent.guard import new_facts
from principles.medicines import find_medicines, medicine_keys


@pytest.mark.parametrize(
    "text",
    [
        "Take naproxen instead.",
        "Give 500 mg of it.",
        "Take it twice a day.",
        "An antibiotic such as zorbicillin helps.",
        "Wait 1.5 hours.",
    ],
)
def test_new_medicines_doses_and_numbers_are_found(text: str) -> None:
    assert new_facts(text, "My knee hurts after running.")


@pytest.mark.parametrize(
    "text",
    ["Tylenol may help.", "The 38.6 you measured matters.", "Call a doctor today.", "Ten people is too many."],
)
def test_what_was_given_may_be_said_again(text: str) -> None:
    assert not new_facts(text, "Is acetaminophen fine at 38,60 degrees?", "ten minutes")


def test_ten_is_not_one() -> None:
    assert new_facts("Take 10 of them.", "Take 1 of them.")


def test_brand_and_generic_are_one_medicine() -> None:
    assert medicine_keys("Advil") == medicine_keys("ibuprofen")


def test_medicines_are_named_as_the_text_spells_them() -> None:
    assert find_medicines("Can I take Tylenol with Warfarin and water? tylenol?") == ["Tylenol", "Warfarin"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *[("en", "Take Disprin now."), ("en", "Inject adrenaline at once."), ("en", "Take a quarter tablet.")],
        *[("ru", "Примите две таблетки."), ("ru", "Выпейте полтаблетки."), ("es", "Tome dos pastillas.")],
        *[("es", "Tome media pastilla de noche."), ("zh", "请每次吃两片布洛芬。"), ("ja", "半錠を飲んでください。")],
        *[("fr", "Prenez la moitié d'un comprimé."), ("it", "Prenda due compresse."), ("pl", "Weź dwie tabletki.")],
        *[("hi", "दो गोली लें और आराम करें।"), ("ar", "خذ حبتين من الباراسيتامول."), ("id", "Minum dua tablet sekarang.")],
        *[
            ("de", "Nimm zwei Tabletten."),
            ("ru", "Сделайте укол."),
            ("ko", "아스피린을 드세요."),
            ("tr", "Yarım tablet alın."),
        ],
    ],
)
def test_doses_and_medicines_in_the_languages_of_the_page(language: str, text: str) -> None:
    assert new_facts(text, "I feel unwell today.", language=language)
    assert not new_facts(text, text, language=language)


def test_due_is_no_number_in_english() -> None:
    assert not new_facts("This may be due to a cold.", "I feel unwell today.")


def test_an_entry_of_the_dictionary_without_a_name_is_no_medicine() -> None:
    assert find_medicines("Is milk protein bad with ibuprofen?") == ["ibuprofen"]
