"""Supervised training on a random model: what is learnt, what is refused, and going on where a run was cut."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.prompts import prompt
from principles.errors import ConfigError
from tests import needs
from tests.unit.training.tiny_run import command, grpo
from training.sft.corpus import in_order, split, texts_of
from training.sft.examples import read_examples, refuse_measured
from training.sft.losses import has_stalled
from training.sft.recipe import Recipe
from training.tuning.checkpoints import checkpoints, state_of
from training.tuning.recipes import load

needs.require("training")

import training.grpo.export  # noqa: E402
import training.sft.command  # noqa: E402

RECIPE = Path(training.sft.command.__file__).parent / "recipes" / "tiny_cpu.yaml"
TINY = RECIPE.with_name("tiny.jsonl")
SHORT = {"epochs": 2, "eval_every": 5}


def sft(*arguments: object, **fields: object) -> int:
    import torch

    torch.set_num_threads(1)
    given = SHORT | fields
    options = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    return command(training.sft.command, "--recipe", RECIPE, *options, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sft") / "run"
    assert sft("--out", out) == 0
    return out


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def weights(folder: Path) -> bytes:
    return next(folder.glob("*model.safetensors")).read_bytes()


def losses(folder: Path, name: str) -> list[float]:
    return [one[name] for one in state_of(folder)["log_history"] if name in one]


def test_it_learns(finished: Path) -> None:
    last = finished / "checkpoint-10"
    assert len({weights(folder) for folder in (finished / "untrained", finished / "checkpoint-5", last)}) == 3
    trained, held_out = losses(last, "loss"), losses(last, "eval_loss")
    assert trained[-1] < trained[0] - 1
    assert len(held_out) == 3  # before the first step, and after 5 and 10
    assert held_out[-1] < held_out[0] - 1
    assert state_of(last)["best_model_checkpoint"].endswith("checkpoint-10")


def test_what_a_run_leaves(finished: Path) -> None:
    page = (finished / "report.md").read_text()
    assert "Trained to the end." in page
    assert "| loss on held-out answers |" in page
    described = json.loads((finished / "run.json").read_text())
    assert described["method"] == "SFT"
    assert (described["data"]["train"], described["data"]["held_out"]) == (20, 4)
    assert described["data"]["answer_tokens"] in page
    assert (finished / "report.png").stat().st_size > 1000


def test_the_loss_is_on_the_answer_alone(tmp_path: Path) -> None:
    """By the numbers: the labels that are not masked are the answer's tokens and its end, in place."""
    from training.sft.trainer import make_trainer
    from training.tuning.policy import load_tokenizer

    examples, unanswered = read_examples(TINY)
    tokenizer = load_tokenizer("tiny", texts_of(examples))
    recipe = load(Recipe, RECIPE, {"prompt": "agent", "max_prompt_tokens": "2000"})
    corpus = split(recipe, [TINY], examples, unanswered, tokenizer)
    trainer = make_trainer(recipe, corpus, tokenizer, tmp_path)
    rows = list(trainer.train_dataset)
    for row, example in zip(rows[:8], in_order(recipe, corpus.train)[:8], strict=True):
        learnt = [place for place, label in enumerate(row["labels"]) if label != -100]
        assert learnt == list(range(example.prompt_tokens, len(row["input_ids"])))
        assert len(learnt) == example.answer_tokens
        said = tokenizer.decode(row["input_ids"][example.prompt_tokens :])
        assert said == f"{example.answer[0]['content']}<|im_end|>\n"
        asked = tokenizer.decode(row["input_ids"][: example.prompt_tokens])
        assert asked.startswith(f"<|im_start|>system\n{prompt('draft')}<|im_end|>")
        assert asked.endswith("<|im_start|>assistant\n")
    batch = trainer.data_collator(rows[:4])
    assert int((batch["labels"] != -100).sum()) == sum(one.answer_tokens for one in in_order(recipe, corpus.train)[:4])


def test_going_on_ends_in_the_same_weights(finished: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(out / "checkpoint-10")
    assert sft("--out", out, "--resume") == 0
    assert weights(out / "checkpoint-10") == weights(finished / "checkpoint-10")
    assert losses(out / "checkpoint-10", "loss") == losses(finished / "checkpoint-10", "loss")


def test_another_recipe_does_not_go_on(finished: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(ConfigError, match="begun with other learning_rate"):
        sft("--out", out, "--resume", learning_rate=0.5)
    with pytest.raises(ConfigError, match="is not empty"):
        sft("--out", out)


def test_it_stops_where_the_held_out_loss_no_longer_falls(tmp_path: Path) -> None:
    """At such a rate it only gets worse."""
    assert sft("--out", tmp_path / "run", learning_rate=0.9, epochs=20, eval_every=1, patience=2) == 0
    last = checkpoints(tmp_path / "run")[0]
    assert state_of(last)["global_step"] < 50
    assert "Stopped: the held-out loss no longer fell." in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(
    ("values", "patience", "stalled"),
    [
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),
        ([3, 2, 2.5], 2, False),
        ([3, 2, 2.5, 2.1], 2, True),
        ([1, 2], 0, False),
    ],
)
def test_when_it_has_stalled(values: list[float], patience: int, stalled: bool) -> None:
    log = [{"step": step, "eval_loss": value} for step, value in enumerate(values)]
    assert has_stalled(log, patience) is stalled


def test_a_lora_is_exported_at_its_best_and_grpo_begins_with_it(tmp_path: Path) -> None:
    out, adapter = tmp_path / "run", tmp_path / "adapter"
    assert sft("--out", out, lora_rank=4, learning_rate=0.05) == 0
    assert command(training.grpo.export, out, adapter, "--as", "adapter") == 0
    card = (adapter / "README.md").read_text()
    assert "trained with SFT on reference answers" in card
    assert "loss on held-out answers" in card
    assert (adapter / "adapter.gguf").exists()
    assert command(training.grpo.export, out, tmp_path / "merged") == 0
    begun = tmp_path / "grpo"
    start = {"init_adapter": adapter, "lora_rank": 4, "steps": 1, "save_every": 1, "kl": 0.1, "learning_rate": 1e-9}
    assert grpo(out=begun, **start) == 0
    assert same_lora(begun / "checkpoint-1", adapter) < 1e-6  # at such a rate it stays where it began
    assert same_lora(begun / "checkpoint-1", out / "checkpoint-5") > 1e-3
    (step,) = [one for one in state_of(begun / "checkpoint-1")["log_history"] if "kl" in one]
    assert step["kl"] == pytest.approx(0, abs=1e-5)  # it is measured from the adapter, not from the model below it
    assert grpo("--resume", out=begun, **start | {"steps": 2}) == 0
    with pytest.raises(ConfigError, match="is of rank 4, and lora_rank is 8"):
        grpo(out=tmp_path / "other", **start | {"lora_rank": 8})
    with pytest.raises(ConfigError, match=r"init_adapter: .* cannot be put on the model"):
        grpo(out=tmp_path / "other2", **start | {"init_adapter": tmp_path})


def same_lora(one: Path, other: Path) -> float:
    """The largest difference between the tensors of two adapters."""
    from safetensors.torch import load_file

    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (one, other))
    trained = [name for name in first if "lora" in name]
    assert trained == [name for name in second if "lora" in name]
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in trained)


def test_export_takes_the_best_checkpoint(finished: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    state = json.loads((out / "checkpoint-10" / "trainer_state.json").read_text())
    state["best_model_checkpoint"] = "elsewhere/checkpoint-5"
    (out / "checkpoint-10" / "trainer_state.json").write_text(json.dumps(state))
    assert training.grpo.export.find_checkpoint(out).name == "checkpoint-5"


def test_answers_under_several_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "data.jsonl",
        {
            "prompt": [{"role": "user", "content": "Is honey safe for a baby?"}],
            "ideal_completion": "Not before one year.",
        },
        {"Question": "May I fly with a cold?", "Free_form_answer": "Mostly. <|im_end|>"},
        {
            "question": "Is a mole harmless?",
            "chosen": [{"role": "assistant", "content": "Mostly."}],
            "rejected": "Yes.",
        },
        {"question": "How long does a cold last?", "ideal_completion": None},
    )
    examples, without = read_examples(path)
    assert [one.answer.split()[0] for one in examples] == ["Not", "Mostly.", "Mostly."]
    assert "<|im_end|>" not in examples[1].answer
    assert without == 1


def test_answers_are_joined_to_their_questions(tmp_path: Path) -> None:
    asked = write(tmp_path / "asked.jsonl", {"key": "a", "prompt": [{"role": "user", "content": "Is it bad?"}]})
    data = write(tmp_path / "data.jsonl", {"key": "a", "ideal_completion": "No."})
    (example,), _ = read_examples(data, [asked])
    assert example.question.text == "Is it bad?"
    other = write(tmp_path / "other.jsonl", {"key": "b", "ideal_completion": "No."})
    with pytest.raises(ConfigError, match=r"line 1: .* is in none of the files of questions"):
        read_examples(other, [asked])


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"question": "Is it?"}, "no record has an answer"),
        ({"question": "Is it?", "answer": 3}, "answer: it is not the text"),
        ({"question": "Is it?", "answer": "Yes", "response": "No"}, "an answer as answer and as response"),
        ({"answer": "Yes", "key": "a"}, "it has no question, and the question with its key stands elsewhere"),
        ({"question": "Is it?", "answer": "Yes", "hard": True}, "1 of 1 prompts are of HealthBench Hard"),
    ],
)
def test_bad_records_are_named(record: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        read_examples(write(tmp_path / "data.jsonl", record))


def test_what_is_measured_is_refused(tmp_path: Path) -> None:
    asked = "My knee has hurt since I ran yesterday, what can I do?"
    data = write(tmp_path / "data.jsonl", {"question": asked, "answer": "Rest it."})
    test = write(tmp_path / "test.jsonl", {"question": asked.upper()})
    questions = [one.question for one in read_examples(data)[0]]
    with pytest.raises(ConfigError, match="1 of 1 questions are asked in"):
        refuse_measured(data, questions, [test])
    refuse_measured(data, questions, [write(tmp_path / "other.jsonl", {"question": "Another?"})])


def test_all_answers_to_a_question_are_on_one_side() -> None:
    from training.tuning.policy import load_tokenizer

    examples, _ = read_examples(TINY)
    twice = [*examples, *examples]
    recipe = load(Recipe, RECIPE)
    corpus = split(recipe, [TINY], twice, 0, load_tokenizer("tiny", texts_of(examples)))
    assert len(corpus.held_out) == 8
    assert not {one.identity for one in corpus.held_out} & {one.identity for one in corpus.train}
    order = in_order(recipe, corpus.train)
    assert len(order) == recipe.steps(len(corpus.train)) * recipe.batch
    assert {order.count(one) for one in corpus.train} == {20}  # each twice among the examples, in ten passes


def test_too_few_or_too_long(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 of 24 examples have a prompt of at most 128 and an answer of at most 8"):
        sft("--out", tmp_path / "run", max_answer_tokens=8)
    with pytest.raises(ConfigError, match="batch = 6 examples a step cannot be split"):
        sft("--out", tmp_path / "run", batch=6)
    with pytest.raises(ConfigError, match="reads 4096"):
        sft("--out", tmp_path / "run", max_answer_tokens=5000)


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sft("--out", tmp_path / "run", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "10 steps, 2 passes" in said
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_is_sampled_from(finished: Path) -> None:
    from tests.unit.training.tiny_run import DATA
    from training.common.items import numbered_items
    from training.sampling.writers import local_writer

    items = [item for _, item in numbered_items(DATA)][:3]
    write = local_writer(str(finished / "checkpoint-10"), batch=4, temperature=1.0, tokens=8, seed=0)
    answers = write(items, 3)
    assert [len(some) for some in answers] == [3, 3, 3]
    assert len({text for some in answers for text, _ in some}) > 3
    assert any(cut for some in answers for _, cut in some)
    assert write(items, 3) == answers
