"""What a workbook may hold. openpyxl makes an object of every cell, and of every cell that is merged: a small file can
ask for more of them than any machine has room for.
"""

import zipfile
from typing import Any

# Unpacked; a review of a question with two answers takes some 20 kB.
MOST_BYTES = 100_000_000
# Of XML: a cell is two or three.
MOST_ELEMENTS = 1_000_000
MOST_MERGED = 100_000


def too_much(packed: zipfile.ZipFile) -> str | None:
    """What of the file is too much to be read, in words; None where nothing is."""
    size = sum(one.file_size for one in packed.infolist())
    if size > MOST_BYTES:
        return f"it holds {size:,} bytes when unpacked"
    elements = merged = 0
    for one in packed.infolist():
        for element in _elements(packed, one):
            elements += 1
            merged += _area(element.get("ref", "")) if element.tag.endswith("mergeCell") else 0
            if elements > MOST_ELEMENTS:
                return f"it holds more than {MOST_ELEMENTS:,} cells and the like"
            if merged > MOST_MERGED:
                return f"it holds more than {MOST_MERGED:,} merged cells"
    return None


def _elements(packed: zipfile.ZipFile, one: zipfile.ZipInfo) -> Any:
    """The elements of a part, as openpyxl's own reader finds them; as far as there are any."""
    from openpyxl.xml.functions import iterparse

    with packed.open(one) as part:
        try:
            for _, element in iterparse(part):
                yield element
                element.clear()
        except SyntaxError:  # no XML, for the reader of the workbook neither
            return


def _area(ref: str) -> int:
    from openpyxl.utils import range_boundaries

    try:
        left, top, right, bottom = range_boundaries(ref)
        return int((right - left + 1) * (bottom - top + 1))
    except (TypeError, ValueError):
        return MOST_MERGED + 1  # a whole column, or no range at all
