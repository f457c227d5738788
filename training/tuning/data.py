"""Where a recipe's data lies."""

import os
from pathlib import Path

from principles.errors import ConfigError


def find_data(path: Path, recipe_path: Path) -> Path:
    """`path` as it stands, beside the recipe, or in the folder that CLINALIGN_DATA names. Raises ConfigError."""
    places = [path, recipe_path.parent / path]
    places += [Path(folder) / path for folder in (os.environ.get("CLINALIGN_DATA"),) if folder]
    for place in places:
        if place.exists():
            return place
    tried = ", ".join(str(place) for place in places)
    raise ConfigError(f"data: there is no file {path} (looked at {tried}): set CLINALIGN_DATA to its folder")
