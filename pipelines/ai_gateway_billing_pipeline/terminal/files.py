"""The one writer of the files that commands make: whole or not at all, and never in the place of something needed."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ai_gateway_billing.errors import SettingsError

_ANOTHER = "Choose another --output."


@contextmanager
def written(target: Path, database: Path, endings: Sequence[str], *, force: bool = False) -> Iterator[Path]:
    """An empty file to fill, which takes the target's place once that is done, and leaves no trace when it fails.

    `-` is standard output. `endings` are those that fit what is written, as `.csv`. A link stays one: what it leads to
    is replaced. Raises `SettingsError` for a target that is part of the database, contradicts the format, exists
    without `force`, or cannot be written.
    """
    if is_standard_output(target):
        with _printed() as draft:
            yield draft
        return
    try:
        place = _checked(target, database, endings, force=force)
        draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        try:
            draft.open("xb").close()  # a place that cannot be written is told by the system's own words
            yield draft
            with draft.open("rb+") as filled:
                os.fsync(filled.fileno())
            draft.replace(place)
        finally:
            with suppress(OSError):
                draft.unlink()
    except OSError as error:
        raise SettingsError(f"Cannot write {target}: {error.strerror or error}. {_ANOTHER}") from error


def is_standard_output(target: Path) -> bool:
    """Whether the target is `-`."""
    return str(target) == "-"


@contextmanager
def _printed() -> Iterator[Path]:
    import shutil  # noqa: PLC0415 - slow, for so rare a wish
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft"
        yield draft
        sys.stdout.flush()
        with draft.open("rb") as filled:
            shutil.copyfileobj(filled, sys.stdout.buffer)


def _checked(target: Path, database: Path, endings: Sequence[str], *, force: bool) -> Path:
    place = target.resolve()
    if place.is_dir():
        raise SettingsError(f"--output {target} is a folder. Name a file in it.")
    if _belongs_to(database.absolute(), place) or _belongs_to(database.resolve(), place):
        raise SettingsError(f"--output {target} is the database itself or one of its files. {_ANOTHER}")
    if place.exists() and not place.is_file():
        raise SettingsError(f"--output {target} is not a regular file. {_ANOTHER} Use - for standard output.")
    ending = place.suffix.lower()
    if ending[1:2].isalpha() and ending not in endings:
        raise SettingsError(
            f"--output {target} ends in {ending}, which does not match the format. Use {' or '.join(endings)}."
        )
    if place.exists() and not force:
        raise SettingsError(f"{target} already exists. Choose another --output, or replace it with --force.")
    return place


def _belongs_to(database: Path, place: Path) -> bool:
    """Whether a file is the database, what DuckDB or a load keeps beside it, or in a load's folder."""
    beside = [database.with_name(database.name + ending) for ending in ("", ".wal", ".load", ".tmp")]
    return any(_is_same(own, each) for own in beside for each in (place, *place.parents))


def _is_same(one: Path, other: Path) -> bool:
    """Also by another link; a file that is not there yet by a name that some file systems take for the same."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return (
        _folded(one.name) == _folded(other.name)
        and one.parent.exists()
        and other.parent.exists()
        and (one.parent.samefile(other.parent))
    )


def _folded(name: str) -> str:
    import unicodedata  # noqa: PLC0415 - slow, and only for who writes a file

    return unicodedata.normalize("NFC", name).casefold()
