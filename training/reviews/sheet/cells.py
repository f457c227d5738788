"""Reads the cells of a sheet as people and programs leave them; what cannot be used is a fault with sheet and cell."""

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.llm.sendable import sendable
from principles.errors import ConfigError
from training.reviews.sheet.names import MOST_ROWS, SUFFIX, is_sheet, plain, unescaped
from training.reviews.sheet.sizes import too_much

if TYPE_CHECKING:
    from openpyxl import Workbook

COLUMNS_LOOKED_AT = 40


def open_book(path: Path) -> "Workbook":
    """The workbook. Raises ConfigError where it cannot be read."""
    if not is_sheet(path):
        raise ConfigError(f"{path}: not a spreadsheet that can be read here: save it as {SUFFIX}")
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as packed:
            if reason := too_much(packed):
                raise ConfigError(f"{path}: {reason}, which is no workbook of reviews")
        return load_workbook(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except ConfigError:
        raise
    except Exception:  # noqa: BLE001 - a damaged file fails anywhere in the library, and in any way
        raise ConfigError(f"{path}: cannot be read as a spreadsheet: open it, and save it as {SUFFIX}") from None


@dataclass(frozen=True)
class Page:
    """One sheet of a workbook under its `columns`. What is wrong is added to `faults`, and read as empty."""

    sheet: Any
    columns: Sequence[str]
    faults: list[str] = field(default_factory=list)

    def name(self, row: int, column: str) -> str:
        """What a person calls a cell: "Criteria!E7"."""
        from openpyxl.utils import get_column_letter

        return f"{self.sheet.title}!{get_column_letter(self._place(column))}{row}"

    def fault(self, row: int, column: str, said: str) -> None:
        """Note what is wrong with a cell, and what to do."""
        self.faults.append(f"{self.name(row, column)}: {said}")

    def rows(self) -> Iterator[int]:
        """The rows below the header that hold anything, from the top. Faults of form are found first."""
        title = self.sheet.title
        for place, wanted in enumerate(self.columns, 1):
            found = self.sheet.cell(1, place).value
            if plain(str(found or "")).lower() != wanted.lower():
                self.fault(1, wanted, f'the header must be "{wanted}": columns stay as they were, with their headers')
        for area in self.sheet.merged_cells.ranges:
            self.faults.append(f"{title}!{area.coord}: cells are merged: unmerge them, each row is a row of its own")
        if self.sheet.max_row > MOST_ROWS:
            self.faults.append(f"{title}!A{self.sheet.max_row}: rows go down to here: delete the rows below the table")
        if self.faults:
            return
        for row in range(2, self.sheet.max_row + 1):
            self._beside(row)
            if any(self._raw(row, column) is not None for column in self.columns):
                yield row

    def text(self, row: int, column: str) -> str:
        """What a cell says, without the spaces around it; "" where it is empty."""
        value = self._value(row, column)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            self.fault(row, column, "holds a date or a truth value: write it as text")
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else sendable(unescaped(str(value))).strip()

    def number(self, row: int, column: str) -> float | None:
        """A number, also one that is stored as text; None where the cell is empty, or it is a fault."""
        value = self._value(row, column)
        if isinstance(value, str):
            value = value.strip().replace("\u2212", "-").replace(",", ".")
            if not value:
                return None
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            self.fault(row, column, "is not a number: write one")
            return None
        return number

    def choice(self, row: int, column: str, choices: Mapping[str, Any]) -> Any:
        """What one of the words stands for, whatever its case; None where the cell is empty, or it is a fault."""
        said = self.text(row, column).casefold()
        if said and said not in choices:
            self.fault(row, column, f"must be {', '.join(choices)} or empty")
        return choices.get(said)

    def _value(self, row: int, column: str) -> Any:
        cell = self.sheet.cell(row, self._place(column))
        if cell.data_type in ("f", "e"):
            self.fault(row, column, "holds a formula or an error: write the value itself")
            return None
        return cell.value

    def _raw(self, row: int, column: str) -> Any:
        value = self.sheet.cell(row, self._place(column)).value
        return None if isinstance(value, str) and not value.strip() else value

    def _place(self, column: str) -> int:
        return self.columns.index(column) + 1

    def _beside(self, row: int) -> None:
        from openpyxl.utils import get_column_letter

        for place in range(len(self.columns) + 1, min(self.sheet.max_column, COLUMNS_LOOKED_AT) + 1):
            value = self.sheet.cell(row, place).value
            if value is not None and str(value).strip():
                where = f"{self.sheet.title}!{get_column_letter(place)}{row}"
                self.faults.append(f"{where}: is outside the table and would be lost: move it or delete it")
