"""`aig-billing query`: rows as a table, JSON or CSV, with every digit and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from support.command import aig

DATABASE = Path("billing.duckdb")


def make(sql: str = "select 1") -> None:
    with duckdb.connect(str(DATABASE)) as connection:
        connection.execute(sql)


def test_a_table_shows_exact_numbers_and_null_and_utc() -> None:
    make()
    columns = "43.500000000000000001::decimal(38, 18) as total, null as nothing"

    result = aig("query", f"select {columns}, timestamptz '2026-11-21 15:30:00+05:30' as newest")

    assert result.out.splitlines()[0].split() == ["total", "nothing", "newest"]
    assert result.out.splitlines()[2].split() == ["43.500000000000000001", "NULL", "2026-11-21", "10:00:00Z"]


def test_numbers_in_json_keep_every_digit() -> None:
    make()

    result = aig(
        "query", "--json", "select 0.123456789012345678::decimal(38, 18) as a, 2.50::decimal(9, 4) as b, 1 as a"
    )

    assert result.out == '[\n{"a": 0.123456789012345678, "b": 2.5, "a_1": 1}\n]\n'


def test_json_of_no_rows_is_an_empty_array() -> None:
    make()

    assert aig("query", "--json", "select 1 where false").json == []


def test_csv_has_a_header_empty_nulls_and_quotes_where_needed() -> None:
    make()

    result = aig("query", "--csv", "select 1.10::decimal(9, 4) as n, null as nothing, 'a,b' as words, true as flag")

    assert result.out == 'n,nothing,words,flag\n1.1,,"a,b",true\n'


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("-1+cmd|'x'!A0", "'-1+cmd|'x'!A0"),
        ("+1+1", "'+1+1"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("@cf/meta/llama-3.1-8b", "@cf/meta/llama-3.1-8b"),
        ("-12.5", "-12.5"),
        ("plain = text", "plain = text"),
    ],
)
def test_no_text_in_csv_is_a_formula_for_a_spreadsheet(text: str, cell: str) -> None:
    make("create table t (words varchar)")
    with duckdb.connect(str(DATABASE)) as connection:
        connection.execute("insert into t values ($1)", [text])

    printed = aig("query", "--csv", "select words, -12.50 as amount, [words] as list from t").out

    found = list(csv.DictReader(io.StringIO(printed)))
    assert found == [{"words": cell, "amount": "-12.5", "list": found[0]["list"]}]
    assert aig("query", "--json", "select words from t").json == [{"words": text}], "JSON is exact"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("form", ["--csv", "--json", None])
def test_a_terminal_that_is_not_utf_8_gets_what_it_can_show(encoding: str, form: str | None) -> None:
    make()
    words = "größe – 日本 😀"
    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", "query", f"select '{words}' as größe"]

    done = subprocess.run(
        [*command, *([form] if form else [])],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
    )

    printed = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    if form == "--json":
        assert json.loads(printed) == [{"größe": words}]
    else:
        assert ("größe" if encoding == "latin-1" else r"gr\xf6\xdfe") in printed


def test_sql_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 41 + 1 as answer"))

    assert aig("query", "-", "--json").json == [{"answer": 42}]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("selec 1", "syntax error"),
        ("select * from nowhere", "nowhere does not exist"),
        ("create table mine (a int)", "open for reading only"),
        ("select 'x'::int", "Could not convert string"),
        ("", "There is no SQL to run"),
    ],
)
def test_sql_that_cannot_run_is_a_bad_option(sql: str, words: str) -> None:
    make()

    result = aig("query", sql)

    assert result.code == 2
    assert result.err.startswith("Error: ")
    assert words in result.err
    assert "Traceback" not in result.err


def test_a_statement_without_a_result_prints_no_rows() -> None:
    make()

    result = aig("query", "set variable a = 1")

    assert result.code == 0, result.err


def test_a_long_table_says_what_it_leaves_out() -> None:
    make()

    result = aig("query", "select * from range(1200)")

    assert len(result.out.splitlines()) == 1002
    assert "200 more are not shown" in result.err
