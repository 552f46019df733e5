"""What a load did and failed to do: the first failure counts, what cost no row is told once, nothing is quoted."""

from __future__ import annotations

import logging

import pytest

from ai_gateway_billing.errors import BillingError, RecordError, ServerError, UnforeseenError
from ai_gateway_billing.outcome import STILL_LOADED, Outcomes, Part, Progress, Rejected, failure
from support.constants import ACCOUNT, OTHER

BROKEN, WORSE = ServerError("HTTP 500."), ServerError("HTTP 503.")
MISSING = Rejected(RecordError("invoices", "amount_due", "is missing"), '{"id": "in_1"}')
SECRET = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("parts", "status", "error", "is_loaded"),
    [
        ([Part("rows", {"invoices": 2})], "ok", None, True),
        ([Part()], "ok", None, True),
        ([Part(skipped="nothing to preview")], "skipped", None, True),
        ([Part(error=BROKEN)], "failed", BROKEN, False),
        ([Part("rows", {"invoices": 2}, error=BROKEN)], "partial", BROKEN, True),
        ([Part("rows", {}, error=BROKEN)], "partial", BROKEN, False),
        ([Part(error=BROKEN), Part(error=WORSE)], "failed", BROKEN, False),
        ([Part(error=BROKEN), Part("rows", {"invoices": 2})], "failed", BROKEN, True),
        ([Part("rows", {"invoices": 2}), Part(error=BROKEN)], "failed", BROKEN, True),
        ([Part("rows", {"invoices": 1}, rejected=[MISSING])], "failed", MISSING.error, True),
        ([Part("rows", {}, rejected=[MISSING])], "failed", MISSING.error, False),
        ([Part("rows", {"invoices": 1}, told=[MISSING])], "ok", None, True),
    ],
)
def test_a_resource_is_as_good_as_its_parts(
    parts: list[Part], status: str, error: BillingError | None, is_loaded: bool
) -> None:
    told: list[tuple[str, str, BillingError]] = []
    outcomes = Outcomes(on_failure=lambda *failed: told.append(failed))
    for part in parts:
        outcomes.take(ACCOUNT, "invoices", part)

    found = outcomes.of[ACCOUNT, "invoices"]
    assert (found.status, found.error, found.is_loaded) == (status, error, is_loaded)
    assert outcomes.failures() == ({(ACCOUNT, "invoices"): error} if error else {})
    assert told == ([(ACCOUNT, "invoices", error)] if error else [])


@pytest.mark.parametrize(("count", "is_loaded"), [(0, True), (1, False)])
def test_where_nothing_has_to_be_read_all_of_it_is_loaded(count: int, is_loaded: bool) -> None:
    outcomes = Outcomes()
    outcomes.plan("usage_hourly", {ACCOUNT: count})

    assert outcomes.of[ACCOUNT, "usage_hourly"].is_loaded == is_loaded


def test_progress_counts_what_went_well() -> None:
    heard: list[Progress] = []
    outcomes = Outcomes(heard.append)
    outcomes.plan("usage_hourly", {ACCOUNT: 3})
    for part in (Part(), Part(error=BROKEN), Part()):
        outcomes.take(ACCOUNT, "usage_hourly", part)
    outcomes.take(ACCOUNT, "invoices", Part())

    assert [(each.resource, each.done, each.planned, each.failed) for each in heard] == [
        ("usage_hourly", 0, 3, False),
        ("usage_hourly", 1, 3, False),
        ("usage_hourly", 1, 3, True),
        ("usage_hourly", 2, 3, True),
        ("invoices", 1, 1, False),
    ]


def test_rows_are_counted_by_table_and_new_fields_keep_their_first_type() -> None:
    outcomes = Outcomes()
    outcomes.take(ACCOUNT, "invoices", Part(rows={"invoices": 2, "lines": 1}, unknown={"invoices": {"tax": "text"}}))
    outcomes.take(OTHER, "invoices", Part(rows={"invoices": 3}, unknown={"invoices": {"tax": "decimal", "x": "bool"}}))

    assert outcomes.rows == {"invoices": 5, "lines": 1}
    assert outcomes.new_fields == {("invoices", "tax"): "text", ("invoices", "x"): "bool"}


def test_what_cost_no_row_is_kept_each_time_and_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    outcomes = Outcomes()
    for payload in ("1", "2"):
        outcomes.take(ACCOUNT, "invoices", Part(told=[MISSING._replace(payload=payload)]))
    outcomes.take(OTHER, "invoices", Part(told=[MISSING]))
    outcomes.take(OTHER, "invoices", Part(rejected=[MISSING]))

    assert [(each.account_id, each.reason, each.payload) for each in outcomes.quarantined] == [
        (ACCOUNT, "is missing" + STILL_LOADED, "1"),
        (ACCOUNT, "is missing" + STILL_LOADED, "2"),
        (OTHER, "is missing" + STILL_LOADED, MISSING.payload),
        (OTHER, "is missing", MISSING.payload),
    ]
    assert [record.getMessage()[:50] for record in caplog.records] == [
        f"invoices of account {each}: field "[:50] for each in (ACCOUNT, OTHER)
    ]


@pytest.mark.parametrize(
    ("failed", "error"), [([], None), ([ACCOUNT], None), ([OTHER], None), ([ACCOUNT, OTHER], "HTTP 500.")]
)
def test_a_resource_failed_for_all_only_when_it_failed_for_each(failed: list[str], error: str | None) -> None:
    outcomes = Outcomes()
    for account_id in (ACCOUNT, OTHER):
        outcomes.take(account_id, "invoices", Part(error=BROKEN if account_id in failed else None))

    found = outcomes.error_of_all("invoices", [ACCOUNT, OTHER])

    assert (found and str(found)) == error
    assert outcomes.error_of_all("gateways", [ACCOUNT, OTHER]) is None


def test_an_unforeseen_error_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(KeyError) as caught:
        {}[SECRET]
    found = failure(caught.value)

    assert isinstance(found, UnforeseenError)
    assert SECRET not in str(found) + caplog.text
    assert "Unexpected KeyError at" in caplog.text
    assert failure(BROKEN) is BROKEN
