"""A terminal and a network that libraries leave alone."""

import os
import warnings


def be_quiet() -> None:
    """Libraries' hints for developers and their bars stay off the person's screen; trackers stay off the network."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
