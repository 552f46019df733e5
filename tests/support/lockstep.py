"""The same world loaded into several stores at the same moments, and the comparison of every raw table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ai_gateway_billing.simulator import World
from support.bench import Bench
from support.constants import NOW

Ask = Callable[[str], list[tuple[Any, ...]]]
Asking = Callable[[], AbstractContextManager[Ask]]
OF_THE_LOAD = {"_dlt_load_id"}
"""The one column in which two loads of the same answers differ."""
_COLUMNS = """
select table_name, column_name from information_schema.columns
where table_schema = 'ai_gateway_billing' and table_catalog = current_database()
"""


class Lockstep:
    """A world, and a bench for each store. `asking`: how the rows of each other store than the file are read."""

    def __init__(self, folder: Path, asking: Mapping[str, Asking], start: str) -> None:
        self.world = World()
        self.file = Bench(folder / "duckdb", self.world, start=start)
        self.others = {name: (Bench(folder / name, self.world, start=start), ask) for name, ask in asking.items()}
        for bench in self.benches:
            bench.database.parent.mkdir()
        self.now = NOW

    @property
    def benches(self) -> list[Bench]:
        """The one of the file, and those of the others."""
        return [self.file, *(bench for bench, _ in self.others.values())]

    @property
    def faults(self) -> list[Any]:
        """The simulator's switches of each."""
        return [bench.faults for bench in self.benches]

    def load(self, **options: Any) -> None:
        """A load into each, and the comparison of all that they hold."""
        self.file.now = self.now
        expected = self.file.load(**options)
        for name, (bench, asking) in self.others.items():
            bench.now = self.now
            found = bench.load(destination=name, **options)
            assert (found.exit_code, found.outcomes.rows) == (expected.exit_code, expected.outcomes.rows), name
            with asking() as ask:
                assert_same(ask, _asked(self.file.published), name)

    def until(self, moment: datetime, **options: Any) -> None:
        """Go on to this moment, and load."""
        self.now = moment
        self.load(**options)


def _asked(connection: duckdb.DuckDBPyConnection) -> Ask:
    return lambda query: connection.execute(query).fetchall()


def contents(ask: Ask, without: Collection[str] = OF_THE_LOAD) -> dict[str, list[tuple[str, ...]]]:
    """Every raw table but dlt's own: its columns and, in order, its rows."""
    columns: dict[str, list[str]] = {}
    for table, column in ask(_COLUMNS):
        if not table.startswith("_") and column not in without:
            columns.setdefault(table, []).append(column)
    found = {}
    for table, names in columns.items():
        quoted = ", ".join(f'"{name}"' for name in sorted(names))
        rows = ask(f"select {quoted} from ai_gateway_billing.{table}")
        found[table] = [tuple(sorted(names)), *sorted(tuple(map(_exact, row)) for row in rows)]
    return found


def _exact(value: Any) -> str:
    """The value with every digit; a moment in UTC, whatever the driver calls that."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else repr(value)


def assert_same(ask: Ask, expected: Ask, name: str) -> None:
    """Both hold the same, digit by digit."""
    found, wanted = contents(ask), contents(expected)
    assert found.keys() == wanted.keys(), name
    for table, rows in wanted.items():
        different = [pair for pair in zip(found[table], rows, strict=False) if pair[0] != pair[1]]
        assert (different[:2], len(found[table])) == ([], len(rows)), f"{name}: {table}: {different[:1]}"
