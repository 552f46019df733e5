"""Finds secrets in everything that a run leaves: in any form, and inside archives, Parquet and DuckDB files."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import duckdb


def forms(secret: str) -> set[bytes]:
    """The secret as it is, URL-encoded, JSON-escaped, and in base64 wherever in the encoded text it begins."""
    plain = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), secret.replace("/", "\\/")}
    encoded = set()
    for text in plain:
        for shift in range(3):
            data = b"\0" * shift + text.encode()
            data = data[: len(data) // 3 * 3]  # the rest depends on what follows
            for code in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
                encoded.add(code[4 if shift else 0 :])  # the beginning on what comes before
    return {text.encode() for text in plain} | encoded


def found(secrets: Iterable[str], *places: Path | str | bytes, ignoring: Iterable[Path] = ()) -> list[str]:
    """Where which form stands. A place is a folder, a file, or text."""
    wanted = {form: secret for secret in secrets for form in forms(secret)}
    skipped = set(ignoring)
    hits = []
    for place in places:
        for name, content in _contents(place, skipped):
            hits += [f"{name}: {form.decode()}" for form in wanted if form.lower() in content.lower()]
    return hits


def _contents(place: Path | str | bytes, skipped: set[Path]) -> Iterator[tuple[str, bytes]]:
    if isinstance(place, (str, bytes)):
        yield "output", place.encode() if isinstance(place, str) else place
        return
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        yield "a name", str(path).encode()
        if path.is_file() and path not in skipped:
            yield from ((str(path), content) for content in _readings(path))


def _readings(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PAR1":
        yield _text(f"select * from read_parquet('{path}')")
    if content[8:12] == b"DUCK":
        yield from _tables(path)


def _tables(path: Path) -> Iterator[bytes]:
    with duckdb.connect(str(path), read_only=True) as connection:
        query = "select schema_name, table_name from duckdb_tables()"
        for schema, table in connection.execute(query).fetchall():
            yield _text(f'from "{schema}"."{table}"', connection)
        yield _text("select * from duckdb_views()", connection)
        yield _text("select * from duckdb_columns()", connection)


def _text(query: str, connection: duckdb.DuckDBPyConnection | None = None) -> bytes:
    rows = (connection or duckdb).execute(query).fetchall()
    return b"\n".join(_cell(cell) for row in rows for cell in row)


def _cell(cell: object) -> bytes:
    """As text; dlt's state, which is packed, unpacked beside it."""
    text = str(cell).encode()
    try:
        return text + b"\n" + zlib.decompress(base64.b64decode(text, validate=True))
    except (ValueError, zlib.error):
        return text
