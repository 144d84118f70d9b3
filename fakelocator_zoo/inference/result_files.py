"""The files that a run over photos leaves in its folder: pictures under free names, and one line a finished photo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fakelocator_zoo.images import is_result

#: Name of the results file in the output folder; one JSON object a line.
RESULTS = "results.jsonl"


class ResultNames:
    """File names for the results of photos: never that of a photo, of another result, or of a file of the user's.

    Args:
        folder: the output folder.
        endings: what the names of one photo's results end in, such as ``_map.png``.
        photos: all photos of the run.
        taken: stems that results of an earlier run keep.
        ours: whether a file is a result of an earlier run, which may be replaced.
    """

    def __init__(
        self,
        folder: Path,
        endings: Sequence[str],
        photos: Iterable[Path],
        taken: Iterable[str] = (),
        ours: Callable[[Path], bool] = is_result,
    ) -> None:
        self.folder, self.endings, self._ours = folder, endings, ours
        self._photos = {os.path.realpath(photo) for photo in photos}
        # Without regard to case: some file systems have none.
        self._taken = {stem.lower() for stem in taken}

    def stem(self, photo: Path) -> str:
        """``name`` of a photo ``name.jpg``, or ``name-2``, ``name-3``, ... where that is taken; it is taken then."""
        stem, number = photo.stem, 1
        while stem.lower() in self._taken or not all(self._free(stem + ending) for ending in self.endings):
            number += 1
            stem = f"{photo.stem}-{number}"
        self._taken.add(stem.lower())
        return stem

    def _free(self, name: str) -> bool:
        path = self.folder / name
        return not path.exists() or (self._ours(path) and os.path.realpath(path) not in self._photos)


class ResultsFile:
    """A file of JSON objects, one a line, that grows by whole lines alone, so that a killed run can be resumed.

    Args:
        folder: the output folder; the file is :data:`RESULTS` in it.
        resume: keep the rows of an earlier run; else the file starts anew.
        settings: what rows say of their run, such as the model; those that are kept must say the same.

    Raises:
        ValueError: where there is a file of that name that no run wrote, or one of other settings.
        OSError: where the file cannot be opened.
    """

    def __init__(self, folder: Path, resume: bool, settings: Mapping[str, Any]) -> None:
        self.path = folder / RESULTS
        rows, end = _read_rows(self.path)
        if resume:
            for row in rows:
                for key, value in settings.items():
                    if row.get(key) != value:
                        raise ValueError(
                            f"{self.path} holds results with {key} {row.get(key)}, and this run has {value}; "
                            "give another --out, or leave --resume out"
                        )
        self.rows: list[dict[str, Any]] = rows if resume else []
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        # A line that was cut off by a kill goes.
        os.ftruncate(self._file, end if resume else 0)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line, whole or not at all.

        Raises:
            OSError: where there is no room for it.
        """
        line = json.dumps(row).encode() + b"\n"
        before = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):
            os.ftruncate(self._file, before)
            raise OSError(f"cannot write {self.path} (No space left on device); make room")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)


def _read_rows(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows of a results file, and the length in bytes of its whole lines."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    end = content.rfind(b"\n") + 1
    try:
        rows = [json.loads(line) for line in content[:end].splitlines()]
        if not all(isinstance(row["path"], str) for row in rows) or (content and not content.startswith(b"{")):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{path} is there already and no results of a run; give another output folder") from None
    return rows, end
