"""The layout `manifest`: a CSV table that names each clip, its emotion and its speaker."""

from __future__ import annotations

import csv
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, NoInputError
from trainer.corpora import Utterance
from trainer.corpora.own import NOBODY, unmapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainer.corpora import Gender
    from trainer.corpora.own import OwnFile

_WANTED = ("path", "emotion", "speaker")
_OPTIONAL = ("gender", "language", "text", "intensity")
_GENDERS: dict[str, Gender] = {"f": "f", "female": "f", "m": "m", "male": "m", "": ""}


class ManifestCorpus:
    """A corpus whose table says everything; columns that are not named here are passed over."""

    def __init__(self, own: OwnFile) -> None:
        """Take what `own` says."""
        self._own = own
        self.card = own.card(f"listed in {own.manifest}")

    def utterances(self, folder: Path) -> Iterator[Utterance]:
        """Every clip that the table in `folder` lists, in its order.

        Raises:
            NoInputError: the table is not there.
            ConfigError: naming file and line: a column is missing, a path leads out of the folder or is listed twice,
                an emotion or a gender is not known.
        """
        table = folder / self._own.manifest
        try:
            text = table.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise NoInputError(
                f"{table}: cannot be read: {error.strerror}; wanted the table of corpus {self.card.name}"
            ) from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{table}: not UTF-8 ({error}); save it as UTF-8") from None
        # newline="" leaves line ends within quotes to csv.
        rows = csv.DictReader(io.StringIO(text, newline=""), restval="")
        try:
            _check_columns(table, rows.fieldnames or ())
            yield from self._read(table, rows)
        except csv.Error as error:
            raise ConfigError(f"{table}:{rows.line_num}: {error}; correct the line") from None

    def _read(self, table: Path, rows: csv.DictReader[str]) -> Iterator[Utterance]:
        line_of: dict[PurePosixPath, int] = {}
        for row in rows:
            where = f"{table}:{rows.line_num}"
            cells = {column: (row.get(column) or "").strip() for column in (*_WANTED, *_OPTIONAL)}
            below = PurePosixPath(cells["path"].replace("\\", "/"))
            listed = line_of.setdefault(below, rows.line_num)
            if listed != rows.line_num:
                raise ConfigError(f"{where}: {below} is listed in line {listed} too; remove one of them")
            utterance = self._parse(where, table.parent, below, cells)
            if utterance is not None:
                yield utterance

    def _parse(self, where: str, folder: Path, below: PurePosixPath, row: dict[str, str]) -> Utterance | None:
        if not below.parts or below.is_absolute() or ".." in below.parts:
            raise ConfigError(f"{where}: path '{row['path']}'; wanted one below {folder}, relative to it")
        emotion = self._own.emotion_of(row["emotion"])
        if emotion is None:
            raise unmapped(where, row["emotion"])
        gender = _GENDERS.get(row["gender"].lower())
        if gender is None:
            raise ConfigError(f"{where}: gender '{row['gender']}'; wanted f, m or nothing")
        if not emotion:
            return None
        return Utterance(
            corpus=self.card.name,
            path=folder / below,
            speaker=row["speaker"] or NOBODY,
            gender=gender,
            emotion=emotion,
            language=row["language"] or self.card.language,
            text=row["text"],
            intensity=row["intensity"],
            clip=below.with_suffix("").as_posix(),
        )


def _check_columns(table: Path, found: Sequence[str]) -> None:
    missing = [column for column in _WANTED if column not in found]
    if missing:
        raise ConfigError(
            f"{table}:1: columns {', '.join(found)}; wanted {', '.join(_WANTED)} and, where known, "
            f"{', '.join(_OPTIONAL)}; add {', '.join(missing)}"
        )
