"""Schema `spend`: the views that analysts query, one file in `sql/` each, applied after every load.

The head of each file is its contract. Its first line says what a row is and what may be summed; lines such as
`-- amount: …` describe the columns in their order. Both become comments in the database and lines in docs/TABLES.md.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from itertools import takewhile

import duckdb

from ai_gateway_billing.rows.tables import DATASET

from . import quoting, raw, stand_ins
from .rules import RULES

_APPLIED = f"{DATASET}._views_applied"

USAGE_UNIT = (
    "One row: what `aggregated_value` of the usage tables is in, as set; the API does not say. Read by every view."
)
UNIT = "`cents` (minor units of the account's currency) or `dollars` (major units)"

_SQL = resources.files(__package__).joinpath("sql")
_MACRO = re.compile(r"^create or replace macro ", re.MULTILINE)
_OWN = re.compile(r"(?:(?<=from )|(?<=join ))spend\.(\w+)(?: as (\w+))?")
"""Where a view is read, and what it is called there; not where words name it."""
_COMMENT = re.compile(r"--.*")
_BODY = re.compile(r"^create or replace view spend\.\w+ as$", re.MULTILINE)
_COLUMN = re.compile(r"^-- (?P<name>\w+): (?P<text>.+)$")


@dataclass(frozen=True, slots=True)
class Definition:
    """One file of `sql/`: its contract, its columns' meanings, what else there is to know, and its statement."""

    name: str
    contract: str
    columns: dict[str, str]
    notes: str
    statement: str

    @property
    def kind(self) -> str:
        """As `comment on` calls it."""
        return "macro table" if _MACRO.search(self.statement) else "view"


@cache
def definition(name: str) -> Definition:
    """The file of that name, read. Raises FileNotFoundError."""
    text = _SQL.joinpath(f"{name}.sql").read_text("utf-8")
    head = [line for line in _head(text) if line]
    columns = {found["name"]: found["text"] for found in takewhile(bool, map(_COLUMN.match, head[1:])) if found}
    contract = head[0].removeprefix("-- ").removeprefix(f"spend.{name}: ")
    notes = "\n".join(line.removeprefix("--").strip() for line in head[len(columns) + 2 :])
    return Definition(name, contract, columns, notes, text)


def _head(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("--"):
            return
        yield line


def _read_by(*statements: str) -> list[str]:
    """The views of these, as often as they are read."""
    return [found[1] for found in _OWN.finditer(_COMMENT.sub("", "\n".join(statements)))]


def _order() -> tuple[str, ...]:
    """Every file of `sql/`, each after those that it reads."""
    found = sorted(path.name.removesuffix(".sql") for path in _SQL.iterdir() if path.name.endswith(".sql"))
    reads = {name: set(_read_by(definition(name).statement)) - {name} for name in found}
    return tuple(TopologicalSorter({name: sorted(reads[name] & set(found)) for name in found}).static_order())


VIEWS = _order()
"""The views and macros of schema `spend`, in the order in which they can be made."""

MACROS = tuple(name for name in VIEWS if definition(name).kind == "macro table")
"""Those of `VIEWS` that are table macros: they take an argument."""


def below(named: Collection[str]) -> tuple[set[str], set[str]]:
    """The views of these names with all that they read, and the raw tables that they read."""
    views, tables = set(named), set()
    for name in reversed(VIEWS):
        if name in views:
            statement = _COMMENT.sub("", definition(name).statement)
            views |= set(_read_by(statement)) & set(VIEWS)
            tables |= raw.named_in(statement)
    return views, tables


def apply(connection: duckdb.DuckDBPyConnection, usage_unit: str, names: Collection[str] = frozenset(VIEWS)) -> None:
    """Make schema `spend` what this version says, with `usage_unit` being `cents` or `dollars`.

    A raw table that no load has made yet counts as empty, so that every view exists from the first load on. Views
    that are what they should be are left alone, since making them takes longer than many a load.
    """
    _execute(connection, _foundation(usage_unit))
    wanted = [definition(name) for name in VIEWS if name in names]
    if connection.execute(f"from {_APPLIED}").fetchall() == [(_fingerprint(connection, wanted),)]:
        return
    _make(connection, wanted)
    for view in wanted:  # a transaction for each: one for all keeps 20 MB more
        _execute(connection, _comments_of(view))
    fingerprint = _fingerprint(connection, wanted)
    connection.execute(f"create or replace table {_APPLIED} as select $1::varchar as fingerprint", [fingerprint])


def store(connection: duckdb.DuckDBPyConnection, usage_unit: str) -> None:
    """As `apply`, in a DuckLake that is the current database: it has no comments on macros and on columns of views."""
    # Not by duckdb_columns(), for which a lake plans all of its views.
    present = {
        name: {row[0] for row in connection.execute(f'describe {DATASET}."{name}"').fetchall()}
        for name in raw.tables(connection)
    }
    wanted = [*_foundation(usage_unit), *_statements(present, map(definition, VIEWS))]
    statements = [each for each in wanted if not each.startswith(("comment on macro", "comment on column"))]
    fingerprint = hashlib.sha256(repr(statements).encode()).hexdigest()
    if _is_stored(connection, fingerprint):
        return
    made = f"create or replace table {_APPLIED} as select {quoting.text(fingerprint)} as fingerprint"
    connection.begin()
    try:
        for statement in (*statements, made):
            connection.execute(statement)
        connection.commit()
    except duckdb.Error:
        connection.rollback()
        raise


def _is_stored(connection: duckdb.DuckDBPyConnection, fingerprint: str) -> bool:
    try:
        told = connection.execute(f"from {_APPLIED}").fetchall()
    except duckdb.CatalogException:
        return False
    return told == [(fingerprint,)] and _made(connection) >= set(VIEWS) - set(MACROS)


def _made(connection: duckdb.DuckDBPyConnection) -> set[str]:
    names = "select view_name from duckdb_views() where schema_name = 'spend' and database_name = current_database()"
    return {name for (name,) in connection.execute(names).fetchall()}


def once(connection: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> list[str]:
    """The statements, bound as `raw.bound` does, with temporary tables in place of views, each worked out once.

    A view is planned anew wherever it is read, with all below it, which takes longer than its rows do. One that is read
    in a single place is put there as it stands, so that no more of it is worked out than that place asks for. The
    connection may be read-only. What it has of these tables afterwards stays as it is now. A view that the database
    lacks stays in the statements, so that it is an error and not an empty table. Ours is the text of each: what DuckDB
    1.5 stores of a view can mean something else than the view.
    """
    wanted, _ = below(set(_read_by(*statements)) & set(VIEWS))
    wanted &= _made(connection)
    names = [name for name in VIEWS if name in wanted and name not in MACROS]
    present = raw.present(connection)
    texts = [_BODY.split(raw.bound(definition(name).statement, present), maxsplit=1)[1] for name in names]
    places = Counter(_read_by(*texts, *statements))
    relations: dict[str, str] = {}
    for name, text in zip(names, texts, strict=True):
        body = _put(relations, text.rstrip("; \n"))
        if places[name] > 1:
            connection.execute(f'create or replace temp table "{name}" as {body}')
        relations[name] = f'temp."{name}"' if places[name] > 1 else f"({body}\n)"
    return [_put(relations, raw.bound(statement, present)) for statement in statements]


def _put(relations: Mapping[str, str], sql: str) -> str:
    """The statement with these in place of views."""
    return _OWN.sub(
        lambda found: f"{relations[found[1]]} as {found[2] or found[1]}" if found[1] in relations else found[0], sql
    )


def _foundation(usage_unit: str) -> Iterator[str]:
    """Schemas and unit; always written, so that the setting wins over a row that somebody changed."""
    yield f"create schema if not exists {DATASET}"
    yield "create schema if not exists spend"
    yield f"create or replace table spend.usage_unit as select {quoting.text(usage_unit)}::varchar as unit"
    yield from _comments("table", "usage_unit", USAGE_UNIT, {"unit": UNIT})
    for macro, (expression, meaning) in RULES.items():
        yield f"create or replace macro spend.{macro} as {expression}"
        yield from _comments("macro", macro.partition("(")[0], meaning, {})
    yield f"create table if not exists {_APPLIED} (fingerprint varchar)"


def _statements(present: raw.Present, wanted: Iterable[Definition]) -> Iterator[str]:
    for view in wanted:
        yield raw.completed(view.statement, present)
        yield from _comments_of(view)


def _make(connection: duckdb.DuckDBPyConnection, wanted: Sequence[Definition]) -> None:
    """All of them, without comments. What others read has a stand-in while they are made."""
    present = raw.present(connection)
    names = set(_read_by(*(view.statement for view in wanted))) & {view.name for view in wanted}
    with connection.cursor() as transaction:
        transaction.begin()
        for view in wanted:
            transaction.execute(raw.completed(view.statement, present))
            if view.name in names:
                stand_ins.put(transaction, view.name)
        for name in names:
            stand_ins.remove(transaction, name)
        transaction.commit()


def _execute(connection: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    """All of them in one transaction, which takes less time than one for each."""
    with connection.cursor() as transaction:
        transaction.begin()
        for statement in statements:
            transaction.execute(statement)
        transaction.commit()


def _fingerprint(connection: duckdb.DuckDBPyConnection, wanted: Sequence[Definition]) -> str:
    """Of the views, of what stands in schema `spend`, and of the shapes of the raw tables below it.

    What somebody replaced has lost its comment. Its text says less: DuckDB writes it otherwise once it has read
    it from the file again, and takes longer than for all else here.
    """
    query = (
        "select view_name, comment from duckdb_views() where schema_name = 'spend' "
        "union all select function_name, comment from duckdb_functions() where schema_name = 'spend' "
        "union all select sql, null from duckdb_tables() where schema_name in ('spend', $1)"
    )
    found = sorted((text, comment or "") for text, comment in connection.execute(query, [DATASET]).fetchall())
    return hashlib.sha256(repr((wanted, found)).encode()).hexdigest()


def _comments_of(view: Definition) -> Iterator[str]:
    return _comments(view.kind, view.name, view.contract, {} if view.name in MACROS else view.columns)


def _comments(kind: str, name: str, contract: str, columns: dict[str, str]) -> Iterator[str]:
    yield f"comment on {kind} spend.{name} is {quoting.text(contract)}"
    for column, text in columns.items():
        yield f"comment on column spend.{name}.{column} is {quoting.text(text)}"
