"""A sentence-transformers model made quick for one short text on a CPU; the vectors stay the same."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

READ = ("input_ids", "attention_mask", "token_type_ids")


def by_columns(model: Any) -> Any:
    """The model with its weights laid out by columns: a CPU multiplies the few tokens of a question with them in half
    the time."""
    from torch.nn import Linear

    for part in model.modules():
        if isinstance(part, Linear):
            part.weight.data = part.weight.data.t().contiguous().t()
    return model


def recorded(model: Any) -> Callable[[str], npt.NDArray[Any]]:
    """What turns one text into its row (1, dimension), without Python between the layers of a BERT.

    The steps are recorded on one text, which has no padding: for several at once there is the model itself.
    """
    import torch

    trace: Any = torch.jit.trace
    model.eval().requires_grad_(False)

    def forward(*read: Any) -> Any:
        return model(dict(zip(READ, read, strict=True)))["sentence_embedding"]

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of what is fixed by the recording: it is the same for every single text
        steps = trace(forward, _read(model, "What helps against a cold?"), check_trace=False)

    # Optimising these steps gains nothing, and would stop the first two questions, for seconds where cores are busy.
    optimising: Any = torch.jit.optimized_execution  # type: ignore[attr-defined]

    def single(text: str) -> npt.NDArray[Any]:
        with torch.inference_mode(), optimising(False):
            rows: npt.NDArray[Any] = steps(*_read(model, text)).numpy()
            return rows

    return single


def _read(model: Any, text: str) -> tuple[Any, ...]:
    features = model.preprocess([text])
    return tuple(features[name] for name in READ)
