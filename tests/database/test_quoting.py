"""What is quoted is read as it was, whatever letters it has."""

from __future__ import annotations

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import quoting

WORDS = ["plain", "it's", 'a "b"', "''", '""', "'; drop table t; --", "größe 2026", "two\nlines"]


@pytest.mark.parametrize("word", WORDS)
def test_a_text_stays_what_it_is(word: str) -> None:
    assert duckdb.sql(f"select {quoting.text(word)}").fetchall() == [(word,)]


@pytest.mark.parametrize("word", WORDS)
def test_a_name_stays_what_it_is(word: str) -> None:
    assert duckdb.sql(f"select 1 as {quoting.name(word)}").columns == [word]
