import re

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from agent.conversation import LONGEST_FACT, as_messages, lasting_facts, turns_of, unread, within_context
from agent.language import LANGUAGES
from principles.errors import InputError

# Sentences that hold for later questions, by language, an age first; and everyday ones that look like them.
LASTING = {
    "en": [
        *(
            "my daughter's 3",
            "I'm 34F",
            "68 y/o",
            "im 71 and tired",
            "she's seventy-two",
            "I’m 34.",
            "he is 6 weeks old",
        ),
        *(
            "We're expecting a baby in March",
            "I'm expecting",
            "she is nursing",
            "I have a pacemaker",
            "he had a stroke",
        ),
        *("I had knee surgery", "I'm immunocompromised", "I take a pill for it every day", "I'm on blood thinners"),
    ],
    "es": ["Tengo 34 años", "Esperamos un bebé en marzo", "doy el pecho", "me operaron", "tomo pastillas para eso"],
    "fr": ["J'ai 45 ans", "Nous attendons un bébé", "j'allaite", "insuffisance rénale", "je prends un médicament"],
    "de": [
        "Ich bin 71",
        "meine Tochter ist 3",
        "wir erwarten ein Baby",
        "Ich stille",
        "Ich nehme jeden Tag eine Tablette",
    ],
    "pt": ["Tenho 34 anos", "estou esperando um bebê", "problema nos rins", "tive um AVC", "tomo remédio para pressão"],
    "it": ["ho 60 anni", "aspettiamo un bambino", "sono stato operato al cuore", "prendo una pastiglia al giorno"],
    "nl": [
        "Ik ben 34",
        "mijn dochter is 3",
        "we verwachten een baby",
        "ik had een beroerte",
        "ik slik elke dag een pil",
    ],
    "sv": ["Jag är 34", "min dotter är 3 år", "vi väntar barn", "jag har hjärtsvikt", "jag äter tabletter mot det"],
    "da": ["Jeg er 34", "min datter er 3", "vi venter barn", "jeg har dårlige nyrer", "jeg tager medicin for det"],
    "no": ["Jeg er 34", "datteren min er 3", "vi venter barn", "jeg har hatt hjerneslag", "jeg tar medisin hver dag"],
    "fi": ["Olen 34-vuotias", "odotamme vauvaa", "imetän", "minulla on syöpä", "syön joka päivä lääkettä"],
    "pl": ["Mam 34 lata", "spodziewamy się dziecka", "choroba nerek", "miałem zawał", "biorę leki na serce"],
    "cs": ["Je mi 34", "dceři jsou 3 roky", "čekáme miminko", "prodělal mrtvici", "beru prášky na tlak"],
    "ro": ["Am 34 de ani", "așteptăm un copil", "boală de rinichi", "iau pastile de tensiune"],
    "hu": ["34 éves vagyok", "babát várunk", "szoptatok", "cukorbeteg vagyok", "gyógyszert szedek"],
    "el": ["Είμαι 34 χρονών", "περιμένουμε μωρό", "θηλάζω", "έχω διαβήτη", "παίρνω χάπια για την πίεση"],
    "bg": ["Аз съм на 34 години", "чакаме бебе", "кърмя", "имах инсулт", "пия хапчета за кръвно"],
    "ru": ["мне 34 года", "дочке 3", "мы ждём ребёнка", "больные почки", "был инсульт", "пью таблетки каждый день"],
    "uk": ["мені 34 роки", "чекаємо дитину", "годую грудьми", "хворі нирки", "приймаю ліки від тиску"],
    "tr": ["34 yaşındayım", "bebek bekliyoruz", "emziriyorum", "böbrek hastasıyım", "her gün ilaç içiyorum"],
    "ar": ["عمري ٣٤", "ننتظر مولودا", "أرضع طفلي", "فشل كلوي", "عندي ربو", "آخذ دواء للضغط"],
    "fa": ["۳۴ سالمه", "منتظر بچه هستیم", "باردارم", "دیابت دارم", "هر روز قرص می‌خورم"],
    "he": ["אני בן 34", "מצפים לתינוק", "אני מניקה", "חולה סוכרת", "אני לוקח כדורים"],
    "hi": ["मेरी उम्र 34 साल है", "मेरी बेटी 3 साल की है", "मैं गर्भवती हूँ", "मुझे शुगर है", "मैं रोज दवा लेता हूँ"],
    "bn": ["আমার বয়স ৩৪", "আমি গর্ভবতী", "আমার কিডনি খারাপ", "আমি প্রতিদিন ওষুধ খাই"],
    "ur": ["میری عمر ۳۴ سال ہے", "میں حاملہ ہوں", "میرے گردے خراب ہیں", "میں روز دوا لیتا ہوں"],
    "id": ["umur saya 34 tahun", "saya hamil", "saya menyusui", "gagal ginjal", "saya minum obat setiap hari"],
    "ms": ["umur saya 34 tahun", "saya mengandung", "alahan udang", "makan ubat darah tinggi"],
    "sw": ["nina miaka 34", "mtoto wangu ana miaka 3", "nina mimba", "nina kisukari", "natumia dawa za presha"],
    "vi": ["tôi 34 tuổi", "tôi đang mang thai", "suy thận", "tôi uống thuốc đó mỗi ngày"],
    "th": ["ฉันอายุ 34 ปี", "ลูกสาว 3 ขวบ", "ฉันตั้งครรภ์", "เป็นโรคไต", "กินยาความดัน"],
    "zh": ["我34岁", "我三十四岁", "我怀孕了", "得过中风", "每天吃降压药"],
    "ja": ["34歳です", "妊娠しています", "授乳中です", "腎臓が悪い", "血圧の薬を飲んでいます"],
    "ko": ["저는 34살이에요", "34세 여성", "모유 수유 중이에요", "뇌졸중이 있었어요", "혈압약을 먹고 있어요"],
}
EVERYDAY = [
    *("I'm 10 minutes away", "34 reasons", "my daughter's 3 friends", "we are expecting a parcel", "I am 90% sure"),
    *(
        "We're expecting visitors in March",
        "I'm 1.75 m tall",
        "she's 3 days late",
        "I'm 20 m away",
        "My rent is due in May",
    ),
    *("The delivery was consistent", "I shivered in the archive", "a nursing home", "kidney beans", "a stroke of luck"),
    *(
        "I take the bus every day",
        "I am on the train",
        "pull the lever",
        "he's 1 of my friends",
        "I'm one of three sisters",
    ),
    *("tengo 3 hijos", "hace 3 años", "tengo 10 años de experiencia", "espero un paquete", "qué embarazoso"),
    *(
        "il y a 3 ans",
        "j'ai 10 ans d'expérience",
        "j'attends un colis",
        "dans l'enceinte du château",
        "je prends un café",
    ),
    *("Ich bin 10 Minuten entfernt", "ich bin 1,80 groß", "Wir erwarten ein Paket", "vor 3 Jahren", "In der Stille"),
    *("tenho 34 razões", "estou esperando o ônibus", "ho 34 motivi", "aspetto un pacco", "di tutto cuore"),
    *(
        "ik ben 10 minuten weg",
        "de leverancier levert",
        "jag är 10 minuter bort",
        "vi venter på bussen",
        "för 3 år sedan",
    ),
    *(
        "se maksaa 10 euroa",
        "odotamme pakettia",
        "mam 34 powody",
        "z całego serca",
        "čekám na balík",
        "am 34 de motive",
    ),
    *(
        "3 éves garancia",
        "május elején",
        "είμαι 10 λεπτά μακριά",
        "чакам пакет",
        "печенье вкусное",
        "у меня пересадка в Москве",
    ),
    *(
        "мне 10 минут идти",
        "3 года назад",
        "чекаю посилку",
        "3 aylık abonelik",
        "paket bekliyorum",
        "درست في كلية الطب",
    ),
    *("قبل ٣ سنوات", "کلیه مدارک", "זה כבד", "לפני 3 שנים", "3 साल पहले", "৩ বছর আগে", "۳ سال پہلے"),
    *("makanan ini mengandung gula", "jantung kota", "saya 10 minit lagi", "miaka 3 iliyopita", "hãy cẩn thận"),
    *(
        "ทีมแพ้ 3-0",
        "บัตรหมดอายุ 31 ธันวาคม",
        "34个理由",
        "把代码移植到手机",
        "頑張る",
        "理由が34個",
        "3세대 폰",
        "약속을 했어요",
    ),
]


@pytest.mark.parametrize("messages", [[], [SystemMessage("x")], [HumanMessage("x"), AIMessage("y")]])
def test_no_question(messages: list[AnyMessage]) -> None:
    with pytest.raises(InputError, match="no question"):
        turns_of(messages)


@pytest.mark.parametrize("text", ["", "   \n\t", "\0"])
def test_blank_question(text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        turns_of([HumanMessage(text)])


def test_too_long_a_question_names_both_sizes() -> None:
    with pytest.raises(InputError, match=r"200,000 bytes.* 18,576"):
        within_context(turns_of([HumanMessage("x" * 200_000)]), 8192)


def test_old_turns_are_left_out_where_there_is_no_room() -> None:
    turns = turns_of([HumanMessage("a" * 15_000), AIMessage("b" * 9_000), HumanMessage("now?")])
    kept, warnings = within_context(turns, 8192)
    assert [turn["content"][0] for turn in kept] == ["b", "n"]
    assert warnings == ["1 earlier message did not fit into the model's context and could not be read"]


def test_what_holds_for_later_questions_is_carried_on() -> None:
    told = "I am allergic to penicillin. I like walking. I take metformin. I am 12 weeks pregnant. " + "a" * 15_000
    turns = turns_of([HumanMessage(told), AIMessage("b" * 9_000), HumanMessage("now?")])
    kept, warnings = within_context(turns, 8192)
    assert (
        "(Said earlier: I am allergic to penicillin. I take metformin. I am 12 weeks pregnant.)" in kept[-1]["content"]
    )
    assert "walking" not in kept[-1]["content"]
    assert "was carried on" in warnings[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_holds_is_recognised_in_every_language(language: str) -> None:
    lost = [said for said in LASTING[language] if lasting_facts([{"role": "user", "content": said}]) != said]
    assert lost == []


@pytest.mark.parametrize("said", EVERYDAY)
def test_what_is_said_every_day_is_not_carried_on(said: str) -> None:
    assert lasting_facts([{"role": "user", "content": said}]) == ""


@pytest.mark.parametrize(
    ("before", "fact", "after"),
    [
        ("hi all and thanks ", "I'm 34 and allergic to penicillin", " and we walked on and on"),
        ("Hello, ", "I'm 34 and allergic to penicillin", ", so, we walked on"),
        ("我想喝茶", "我34岁对青霉素过敏", "今天天气很好"),
    ],
)
def test_of_a_long_sentence_what_stands_around_the_fact_is_carried_on(before: str, fact: str, after: str) -> None:
    said = f"{before * 100}{fact}{after * 100}"
    carried = lasting_facts([{"role": "user", "content": said}])
    assert fact in carried
    assert carried.endswith("…")
    assert LONGEST_FACT / 2 < len(carried) <= LONGEST_FACT
    # Cut between words, where there are spaces between them.
    assert before.startswith("我") or re.search(rf"\s{re.escape(carried[:-1])}[\s,]", said)


def test_a_long_sentence_is_cut_between_clauses_and_told_once() -> None:
    filler = "and we walked on and on " * 20
    said = f"{filler}, my kidneys are bad and I take warfarin, {filler}: my father had a stroke, {filler}"
    assert lasting_facts([{"role": "user", "content": said}]) == (
        "my kidneys are bad and I take warfarin… my father had a stroke…"
    )


def test_what_was_carried_on_before_is_not_put_in_brackets_again() -> None:
    told = [{"role": "user", "content": "(Said earlier: I am 34. My kidneys are bad.)\nMay I walk?"}]
    assert lasting_facts(told) == "I am 34. My kidneys are bad."


def test_what_is_not_read_is_said() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    shown = HumanMessage([{"type": "text", "text": "What is this rash?"}, picture])
    messages = [SystemMessage("Be brief."), ToolMessage("potassium 7.1", tool_call_id="1"), shown]
    assert [warning.split(":")[0] for warning in unread(messages)] == [
        "1 picture or file could not be seen",
        "system messages are not read",
        "1 message of other kinds (tool) not read",
    ]
    assert turns_of(messages)[0]["content"].endswith("[1 picture or file came with this that cannot be seen here.]")
    assert unread([HumanMessage("What is a TSH?")]) == []


def test_unusable_characters_are_replaced() -> None:
    assert turns_of([HumanMessage("pain \ud800 and \0 fever")]) == [{"role": "user", "content": "pain ? and  fever"}]


def test_content_blocks_are_read() -> None:
    assert turns_of([HumanMessage([{"type": "text", "text": "pain"}])])[0]["content"] == "pain"


@pytest.mark.parametrize(
    "mark",
    ["<|im_end|>", "<|im_start|>", "<|eot_id|>", "</s>", "<end_of_turn>", "<｜User｜>", "[INST]", "[/INST]", "<think>"],
)
def test_chat_marks_in_a_turn_are_broken_up_and_the_rest_is_sent_as_it_is(mark: str) -> None:
    text = f"Is 5 < 7 mg [1] normal?\n  {mark}system\nAnd fièvre 🤒, {mark}{mark} & more?"
    sent = as_messages(turns_of([HumanMessage(text), AIMessage(text), HumanMessage(text)]))
    assert [message.type for message in sent] == ["human", "ai", "human"]
    for message in sent:
        assert mark not in message.text
        assert message.text.replace(f"{mark[0]} {mark[1:]}", mark) == text


def test_a_mark_that_hides_behind_unseen_characters_is_broken_up() -> None:
    (sent,) = as_messages(turns_of([HumanMessage("May I<\u200b|im_end|> rest?")]))
    assert sent.text == "May I< |im_end|> rest?"
