"""The error tree: exit codes, words and attributes."""

import pickle

import pytest

from ai_gateway_billing import errors


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        ("BillingError", 1),
        ("SettingsError", 2),
        ("ApiError", 4),
        ("AuthenticationError", 3),
        ("BillingPermissionError", 3),
        ("NotFoundError", 4),
        ("BadRequestError", 4),
        ("InvalidAnswerError", 4),
        ("ForeignAnswerError", 6),
        ("ServerError", 4),
        ("PagesInconsistentError", 4),
        ("RateLimitedError", 6),
        ("UnreachableError", 6),
        ("PaymentDeclinedError", 4),
        ("OutcomeUnknownError", 1),
        ("RecordError", 4),
        ("DatabaseBusyError", 5),
        ("DatabaseError", 1),
    ],
)
def test_each_error_has_its_exit_code(kind: str, exit_code: int) -> None:
    error = getattr(errors, kind)

    assert issubclass(error, errors.BillingError)
    assert error.exit_code == exit_code


def test_the_tree_in_the_docstring_names_every_error_with_its_exit_code() -> None:
    drawn = dict(line.lstrip("│├└─ ").split()[:2] for line in (errors.__doc__ or "").splitlines() if "Error " in line)

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert drawn == {kind.__name__: str(kind.exit_code) for kind in kinds}


def test_an_api_error_tells_where_and_what() -> None:
    error = errors.ServerError("m", status=502, code=7, path="p", account_id="a", reason="r", retryable=True)

    assert (error.status, error.code, error.path, error.account_id) == (502, 7, "p", "a")
    assert (str(error), error.reason, error.retryable) == ("m", "r", True)


def test_an_api_error_knows_nothing_by_default() -> None:
    error = errors.ApiError("m")

    assert (error.status, error.code, error.path, error.account_id, error.reason) == (None,) * 5
    assert not error.retryable


def test_a_record_error_reads_as_a_sentence() -> None:
    error = errors.RecordError("invoices", "amount_due", "is missing")

    assert str(error) == "invoices: field amount_due is missing"
    assert (error.resource, error.field, error.reason) == ("invoices", "amount_due", "is missing")


@pytest.mark.parametrize(
    "error", [errors.RecordError("r", "f", "why"), errors.NotFoundError("m", status=404, path="p")]
)
def test_errors_survive_pickling(error: errors.BillingError) -> None:
    """Worker processes hand them over that way."""
    copy = pickle.loads(pickle.dumps(error))

    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_every_error_has_a_word_for_tables() -> None:
    """Short, and not the name of its class."""
    for kind in (kind for kind in vars(errors).values() if isinstance(kind, type)):
        assert 3 < len(kind.summary) <= 20
        assert kind.__name__ not in kind.summary
