"""What a database says when something goes wrong there, as an error that a user can do something about."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import DestinationException
from dlt.load.exceptions import LoadClientJobException
from dlt.pipeline.exceptions import PipelineStepFailed

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError, redact

_TITLES = {"postgres": "Postgres", "ducklake": "The lake"}
_WRONG_LOGIN = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
"""What no second try mends."""
UNCHANGED = "The tables are as they were before; run again."
UNPUBLISHED = "Nothing was published; run again."


@contextmanager
def told(named: str) -> Iterator[None]:
    """Raise a `DatabaseError`, for a wrong login a `SettingsError`, for what a driver or dlt's client raises."""
    try:
        yield
    except Exception as error:
        found = _own(error, named)
        if found is error:
            raise
        raise found from error


@contextmanager
def dug_out(ending: str) -> Iterator[None]:
    """Raise the error that a user can do something about instead of dlt's own around it. `ending`: what is left."""
    try:
        yield
    except PipelineStepFailed as error:
        found = _cause(error, ending)
        if found is error:  # which would else be its own cause, without an end for whoever looks for one
            raise
        raise found from error


def unwritten(error: BaseException, ending: str = UNPUBLISHED) -> DatabaseError:
    """The error for a database that did not take what was written."""
    return DatabaseError(f"The database could not be written: {_reason(error)}. {ending}")


def _cause(error: PipelineStepFailed, ending: str) -> Exception:
    found: BaseException | None = error
    last = None
    while found is not None:
        if isinstance(found, (BillingError, OSError, ConfigurationException)) or _is_drivers(found):
            return found  # type: ignore[return-value]  # each is an Exception
        if isinstance(found, duckdb.Error):
            return unwritten(found, ending)
        if isinstance(found, LoadClientJobException):
            last = found = found.client_exception
        elif isinstance(found, DestinationException):
            last, found = found, found.__cause__ or found.__context__
        else:
            found = found.__cause__ or found.__context__
    return error if last is None else unwritten(last, ending)


def _own(error: Exception, named: str) -> Exception:
    title = _TITLES.get(named, f"The destination {named}")
    driver = _drivers_error(error)
    if driver is not None and type(driver).__name__ == "OperationalError":
        kind = SettingsError if any(words in str(driver) for words in _WRONG_LOGIN) else DatabaseError
        return kind(
            f"{title} refused or lost the connection: {_reason(driver)}. Check that it runs and the settings below "
            f"[destination.{named}.credentials] in .dlt/secrets.toml, or DESTINATION__{named.upper()}__CREDENTIALS. "
            f"{UNCHANGED}"
        )
    if driver is not None or isinstance(error, (duckdb.Error, DestinationException)):
        return DatabaseError(f"{title} could not be written: {_reason(driver or error)}. {UNCHANGED}")
    return error


def _drivers_error(error: BaseException) -> BaseException | None:
    found: BaseException | None = error
    while found is not None and not _is_drivers(found):
        found = getattr(found, "dbapi_exception", None) or found.__cause__ or found.__context__
    return found


def _is_drivers(error: BaseException) -> bool:
    """Told by its name: the driver is of an extra."""
    return type(error).__module__.partition(".")[0] == "psycopg2"


def _reason(error: BaseException) -> str:
    """Its first line, which is the driver's own sentence; without the address that the library puts before it."""
    first = str(error).strip().partition("\n")[0]
    return redact(first.rpartition("failed: ")[2].removeprefix("FATAL:  ").rstrip(".") or type(error).__name__)
