"""What loads left, in the file and in other stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from support.bench import Bench
from support.constants import ACCOUNT, OTHER
from support.poured import pour_into_lake, pour_into_postgres

HOSTILE = [
    "",
    None,
    "\\N",
    "NULL",
    '"',
    '""',
    ",",
    "a\nb",
    "a\r\nb",
    "\\.",
    "\\",
    "'",
    "é€😀",
    " ",
    "\t",
    "x" * 100_000,
]
LARGEST = Decimal("99999999999999999999.999999999999999999")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What loads leave of two accounts: versions, exact amounts, and texts that look like something else."""
    bench = Bench(tmp_path_factory.mktemp("loaded"))
    for account_id in (ACCOUNT, OTHER):
        account = bench.world.add_generated_account(account_id, start=bench.now - timedelta(days=9))
        account.set_hour(bench.now.replace(minute=0) - timedelta(hours=30), Decimal("1234567.123456789012345678"))
    bench.world.add_token(bench.token)
    bench.load_well([ACCOUNT, OTHER])
    bench.now += timedelta(hours=7)
    bench.load_well([ACCOUNT, OTHER])
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("create table ai_gateway_billing.other (n bigint, text varchar, number decimal(38, 18))")
        for n, text in enumerate(HOSTILE):
            connection.execute("insert into ai_gateway_billing.other values (?, ?, ?)", [n, text, LARGEST])
    return bench.database


@pytest.fixture
def pour(request: pytest.FixtureRequest, file: Path, tmp_path: Path) -> Callable[[str], None]:
    """Puts the same rows into a destination, to which the settings lead."""

    def into(destination: str) -> None:
        if destination == "postgres":
            pour_into_postgres(file, request.getfixturevalue("postgres"), tmp_path)
        else:
            pour_into_lake(file, request.getfixturevalue("lake"))

    return into
