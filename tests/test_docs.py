"""docs/TABLES.md and docs/QUERIES.md say what the code and the demo's account say. `make docs` writes both."""

from __future__ import annotations

import re

import duckdb
import pytest

from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing_pipeline.alerts import stored
from ai_gateway_billing_pipeline.database import checks, views
from support import write_docs
from support.constants import NOW
from support.simulated import demo_account

STALE = "run `make docs` and look at what changed"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The demo's account, read-only."""
    return demo_account(tmp_path_factory.mktemp("demo")).published


def page(name: str) -> str:
    return (write_docs.DOCS / name).read_text("utf-8")


def questions() -> list[str]:
    return [found["sql"] for found in write_docs.QUESTION.finditer(page("QUERIES.md"))]


def test_tables_are_described_as_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    assert page("TABLES.md") == write_docs.tables(connection), STALE


def test_every_raw_table_has_its_grain_and_every_certainty_its_column() -> None:
    assert write_docs.RAW.keys() == TABLES.keys()
    assert not [key for key in write_docs.CERTAINTY if key[1] not in TABLES[key[0]]]


def test_nothing_in_the_database_goes_without_a_description(connection: duckdb.DuckDBPyConnection) -> None:
    """Tables that begin with an underscore are the machinery's own."""
    query = (
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = $1 and table_name[1] <> '_' and column_name[1] <> '_'"
    )
    found = set(connection.execute(query, [views.DATASET]).fetchall())
    described = {(table, name) for table, hints in TABLES.items() for name in hints}
    own = {(table, name) for table, (_, columns) in write_docs.OWN.items() for name in columns}

    assert found == described | own


def test_what_is_kept_of_findings_is_described() -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create schema {views.DATASET}")
        stored.prepare(stored.Plain(connection))
        checks.accept(stored.Plain(connection), checks.Finding("id", "check", "error", "", "found"), NOW)
        query = (
            "select table_name, list(column_name order by column_index) from duckdb_columns() where schema_name = $1"
        )
        found = dict(connection.execute(f"{query} group by all", [views.DATASET]).fetchall())

    assert found == {table: [*columns] for table, (_, columns) in write_docs.ALERTS.items()}


def test_column_types_are_those_of_the_database(connection: duckdb.DuckDBPyConnection) -> None:
    query = "select table_name, column_name, data_type from duckdb_columns() where schema_name = $1"
    found = {(table, name): kind for table, name, kind in connection.execute(query, [views.DATASET]).fetchall()}

    for table, hints in TABLES.items():
        for name, kind, *_ in write_docs.raw_columns(table, hints):
            assert found[table, name.strip("`")] == kind


def test_every_answer_is_what_the_query_says_now(connection: duckdb.DuckDBPyConnection) -> None:
    assert page("QUERIES.md") == write_docs.queries(page("QUERIES.md"), connection), STALE


def test_there_are_twenty_questions_each_with_a_query_on_the_views() -> None:
    headings = re.findall(r"^## (\d+)\. .+\?$", page("QUERIES.md"), re.MULTILINE)

    assert headings == [str(n) for n in range(1, 21)]
    assert len(questions()) == 20
    asked = set(re.findall(r"spend\.(\w+)", "".join(questions())))
    interface = {
        "hourly", "daily", "monthly", "by_model", "by_model_daily", "invoices", "balance", "runway", "reconciliation",
        "focus", "daily_in", "anomalies",
    }  # fmt: skip
    assert asked == interface
    assert not [sql for sql in questions() if views.DATASET in sql], "raw tables are not for questions"


@pytest.mark.parametrize("number", range(1, 21))
def test_question_has_an_answer_in_any_session(number: int, connection: duckdb.DuckDBPyConnection) -> None:
    """The same rows, whatever zone the session is in; and there are some."""
    sql = questions()[number - 1]
    answers = []
    for zone in ("UTC", "Asia/Kolkata", "America/Los_Angeles"):
        connection.execute(f"set timezone = '{zone}'")
        answers.append(write_docs.answer(connection, sql))
    connection.execute("set timezone = 'UTC'")

    assert answers[0].count("\n") > 2
    assert answers == [answers[0]] * 3
