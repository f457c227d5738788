"""The model that a name means: a profile, a GGUF file, or a repository of a Hugging Face hub, as llama.cpp names it.

Of a repository the revision, the file and its SHA-256 are written down when they are first asked for, and are then the
same for ever: a hub may change what a name means, and weights are not to change by themselves.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.llm.gguf import head_of
from agent.llm.profiles import PROFILES, Profile
from principles.errors import ConfigError, WeightsError
from principles.files import cache_dir, write_atomic

# What llama.cpp takes where none is named.
DEFAULT_QUANT = "Q4_K_M"
ASK_SECONDS = 10.0
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?::[\w.-]+)?", re.ASCII)
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


def is_file(name: str) -> bool:
    """Whether a name is that of a GGUF file."""
    return name.lower().endswith(".gguf")


def called(name: str) -> str:
    """Under which name it answers."""
    return Path(name).stem if is_file(name) else name


def profile_named(name: str) -> Profile:
    """The model that `name` means, asking the hub where that is a repository which is not written down yet.

    Raises ConfigError where it means none, and WeightsError where the hub cannot say.
    """
    if name in PROFILES:
        return PROFILES[name]
    if is_file(name):
        return _of_file(Path(name).expanduser().absolute(), called(name))
    if not _REPOSITORY.fullmatch(name):
        raise ConfigError(
            f"unknown model {name!r}: use one of {', '.join(sorted(PROFILES))}, the path of a .gguf file, or "
            "owner/repository[:quant] of the Hugging Face hub"
        )
    return _of_repository(name)


def _of_file(path: Path, name: str) -> Profile:
    head = head_of(path, "general.type", "general.architecture")
    if head.get("general.type", "model") != "model" or "general.architecture" not in head:
        raise ConfigError(f"{path}: is a GGUF file, but not of a model: an adapter is given by --adapter")
    return Profile(name, "", path.name, path.stat().st_size, "", "", None, own=path)


def _of_repository(name: str) -> Profile:
    repository, _, quant = name.partition(":")
    folder = f"{repository.replace('/', '--')}--{(quant or DEFAULT_QUANT).lower()}"
    pin = cache_dir("weights") / folder / "pinned.json"
    try:
        return Profile(**json.loads(pin.read_text()), mirror=None, own=None)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError):
        raise WeightsError(f"{pin} cannot be read: remove it, and the model is looked up anew") from None
    info = _asked(repository)
    chosen = _chosen(repository, quant, info.siblings or [])
    licence = str(getattr(info.card_data, "license", "") or "") if info.card_data else ""
    lfs = chosen.lfs
    made = Profile(name, repository, chosen.rfilename, lfs.size, lfs.sha256, licence, None, info.sha, folder)
    pin.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in asdict(made).items() if key not in ("mirror", "own")}
    write_atomic(pin, json.dumps(kept, indent=1))
    return made


def _asked(repository: str) -> Any:
    """What the hub says of a repository and its files."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise WeightsError(f"{repository} is not here, and HF_HUB_OFFLINE is set: unset it for the first download")
    try:
        return HfApi(endpoint=constants.ENDPOINT).model_info(repository, files_metadata=True, timeout=ASK_SECONDS)
    except RepositoryNotFoundError:
        raise ConfigError(
            f"the hub has no model {repository}, or it is closed to you: check its name, or set HF_TOKEN"
        ) from None
    except Exception as error:  # noqa: BLE001 - the hub's library has its own HTTP client, and errors of that
        raise WeightsError(
            f"the hub does not say what {repository} holds ({type(error).__name__}): connect to a network, or set "
            "CLINALIGN_MODEL to a .gguf file that is here",
            retryable=True,
        ) from None


def _chosen(repository: str, quant: str, files: Sequence[Any]) -> Any:
    """The file of that quantisation: as llama.cpp has it, Q4_K_M or else the first where none is named."""
    found = [one for one in files if is_file(one.rfilename) and "mmproj" not in one.rfilename.lower()]
    if not found:
        raise ConfigError(
            f"{repository} holds no GGUF file: serve it with `make serve-vllm MODEL={repository}`, or name a "
            "repository that has one"
        )
    wanted = re.compile(rf"(?:^|[._/-]){re.escape(quant or DEFAULT_QUANT)}(?=[._/-])", re.IGNORECASE)
    fitting = [one for one in found if wanted.search(one.rfilename)] or ([] if quant else found)
    if not fitting:
        names = ", ".join(Path(one.rfilename).name for one in found[:10])
        raise ConfigError(f"{repository} has no file of {quant}: it has {names}")
    chosen = fitting[0]
    if _SPLIT.search(chosen.rfilename):
        raise ConfigError(f"{chosen.rfilename} of {repository} is one file in parts, which are not put together here")
    if chosen.lfs is None:
        raise WeightsError(f"the hub states no SHA-256 of {chosen.rfilename} of {repository}: it cannot be checked")
    return chosen
