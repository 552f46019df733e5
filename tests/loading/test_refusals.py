"""Errors of drivers, of DuckDB and of dlt as what a user can do something about, with no address and no login in it."""

from __future__ import annotations

from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseTransientException
from dlt.pipeline.exceptions import PipelineStepFailed

from ai_gateway_billing.errors import DatabaseError, ServerError, SettingsError
from ai_gateway_billing_pipeline.loading import refusals

psycopg2 = pytest.importorskip("psycopg2")

ADDRESS = 'connection to server at "db.example" (10.0.0.5), port 5432 failed: '


def raised(error: Exception, named: str = "postgres") -> Exception:
    with pytest.raises(Exception) as caught, refusals.told(named):  # noqa: PT011  # whichever it becomes
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('FATAL:  password authentication failed for user "x"', SettingsError),
        ("fe_sendauth: no password supplied", SettingsError),
        ('FATAL:  database "y" does not exist', SettingsError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9"', SettingsError),
        ("Connection refused\n\tIs the server running?", DatabaseError),
        ("server closed the connection unexpectedly", DatabaseError),
    ],
)
def test_a_connection_that_fails_is_a_setting_only_where_no_second_try_mends_it(
    words: str, kind: type[Exception]
) -> None:
    told = raised(psycopg2.OperationalError(ADDRESS + words))

    assert type(told) is kind
    assert str(told).startswith("Postgres refused or lost the connection: ")
    assert "DESTINATION__POSTGRES__CREDENTIALS" in str(told)
    assert "10.0.0.5" not in str(told)
    assert "FATAL" not in str(told)
    assert "Is the server running" not in str(told), "the first line is the driver's own sentence"


@pytest.mark.parametrize(
    ("named", "title"),
    [("postgres", "Postgres"), ("ducklake", "The lake"), ("motherduck", "The destination motherduck")],
)
@pytest.mark.parametrize(
    "error",
    [
        psycopg2.ProgrammingError("column x is missing"),
        DatabaseTerminalException(psycopg2.ProgrammingError("column x is missing")),
        DatabaseTransientException(duckdb.IOException("column x is missing")),
        duckdb.BinderException("column x is missing"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_could_not_be_written_says_where_and_that_nothing_changed(
    named: str, title: str, error: Exception
) -> None:
    told = raised(error, named)

    assert type(told) is DatabaseError
    assert (
        str(told)
        == f"{title} could not be written: column x is missing. The tables are as they were before; run again."
    )


@pytest.mark.parametrize("error", [ServerError("HTTP 500."), ZeroDivisionError("x"), KeyboardInterrupt()])
def test_every_other_error_is_left_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, refusals.told("postgres"):
        raise error

    assert caught.value is error


def step_failed(cause: Exception) -> Any:
    """As dlt raises it: with what went wrong below it."""
    return below(PipelineStepFailed(dlt.pipeline("some"), "load", "1", cause), cause)


def below(outer: Any, cause: Exception) -> Any:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    "error", [ServerError("HTTP 500."), OSError(28, "No space left"), ConfigurationException("no")]
)
def test_dlts_own_error_is_taken_off_what_it_is_about(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, refusals.dug_out(refusals.UNPUBLISHED):
        raise step_failed(below(DatabaseTerminalException(error), error))

    assert caught.value is error


@pytest.mark.parametrize("ending", [refusals.UNPUBLISHED, refusals.UNCHANGED])
def test_an_error_of_duckdb_below_dlts_says_what_is_left(ending: str) -> None:
    with pytest.raises(DatabaseError) as caught, refusals.dug_out(ending):
        raise step_failed(DatabaseTransientException(duckdb.OutOfMemoryException("no memory left.\nmore")))

    assert str(caught.value) == f"The database could not be written: no memory left. {ending}"


def test_an_error_of_dlt_itself_stays_one() -> None:
    failed = step_failed(ValueError("x"))
    with pytest.raises(PipelineStepFailed) as caught, refusals.dug_out(""):
        raise failed

    assert caught.value is failed
    assert isinstance(failed.__cause__, ValueError), "and not itself, which whoever follows causes would do for ever"
