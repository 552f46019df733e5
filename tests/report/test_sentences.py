"""Headlines claim only what their rows show: each sentence with a table of cases."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing_pipeline.report import sentences
from support.constants import NOW

Row = dict[str, Any]
LAST_DAY = date(2026, 11, 22)


def amounts(*values: str | int) -> list[Decimal]:
    return [Decimal(value) for value in values]


# --- runway --------------------------------------------------------------------------------------------------------


def credit(balance: str | None, **fields: Any) -> Row:
    """An account that spends 12.00 a day and has no automatic top-up."""
    row: Row = {
        "as_of": NOW,
        "currency": "USD",
        "balance": None if balance is None else Decimal(balance),
        "burn_per_day_7d": Decimal(12),
        "burn_per_day_30d": Decimal(11),
        "burn_days_known": 30,
        "days_left": Decimal(2),
        "auto_topup": "off",
        "topup_threshold": None,
        "next_topup_amount": None,
        "next_topup_date": None,
    }
    return row | fields


ON = {
    "auto_topup": "on",
    "topup_threshold": Decimal(10),
    "next_topup_amount": Decimal(50),
    "next_topup_date": date(2026, 11, 23),
}
SILENT = {"burn_per_day_7d": Decimal(0), "burn_per_day_30d": Decimal(0), "days_left": None}
UNKNOWN = {"burn_per_day_7d": None, "burn_per_day_30d": None, "days_left": None, "burn_days_known": 0}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (credit(None), "The balance has not been read yet"),
        (
            credit("24"),
            "$24.00 of credit is left, enough for about 2 days at the current spend; automatic top-up is off",
        ),
        (
            credit("12", days_left=Decimal(1)),
            ("$12.00 of credit is left, enough for about 1 day at the current spend; automatic top-up is off"),
        ),
        (
            credit("5", days_left=Decimal("0.4")),
            ("$5.00 of credit is left, enough for less than a day at the current spend; automatic top-up is off"),
        ),
        (
            credit("9999", days_left=Decimal(36500)),
            ("$9,999.00 of credit is left, enough for more than a year at the current spend; automatic top-up is off"),
        ),
        (
            credit("12.97", **ON),
            "$12.97 of credit is left; the next automatic top-up of $50.00 is expected on 23 Nov 2026",
        ),
        (
            credit("12.97", **ON | {"next_topup_date": date(2126, 10, 30)}),
            ("$12.97 of credit is left; the next automatic top-up of $50.00 is more than a year away"),
        ),
        (
            credit("20", **ON | SILENT | {"next_topup_date": None}),
            ("$20.00 of credit is left; automatic top-up adds $50.00 when it falls below $10.00"),
        ),
        (
            credit("-3", **ON | {"days_left": Decimal(0)}),
            ("The account owes $3.00; the next automatic top-up of $50.00 is expected on 23 Nov 2026"),
        ),
        (
            credit("24", auto_topup="failing"),
            ("$24.00 of credit is left, enough for about 2 days at the current spend; automatic top-up is failing"),
        ),
        (
            credit("24", auto_topup="disabled"),
            ("$24.00 of credit is left, enough for about 2 days at the current spend; automatic top-up is disabled"),
        ),
        (
            credit("24", auto_topup="no card"),
            (
                "$24.00 of credit is left, enough for about 2 days at the current spend; "
                "automatic top-up has no card to charge"
            ),
        ),
        (
            credit("0", **SILENT | {"days_left": Decimal(0)}),
            ("There is no credit, and nothing was spent in the last 30 days; automatic top-up is off"),
        ),
        (
            credit("0", **UNKNOWN | {"days_left": Decimal(0)}),
            ("There is no credit, and no complete day of spend has been read yet; automatic top-up is off"),
        ),
        (credit("0", days_left=Decimal(0)), "There is no credit; automatic top-up is off"),
        (credit("-3", days_left=Decimal(0)), "The account owes $3.00; automatic top-up is off"),
        (
            credit("24", **UNKNOWN),
            ("$24.00 of credit is left, and no complete day of spend has been read yet; automatic top-up is off"),
        ),
        (
            credit("24", **SILENT | {"burn_days_known": 1}),
            (
                "$24.00 of credit is left, and nothing was spent on the 1 day "
                "known of the last 30; automatic top-up is off"
            ),
        ),
        (
            credit("24", burn_per_day_7d=Decimal(-1), burn_per_day_30d=Decimal(-1), days_left=None),
            ("$24.00 of credit is left; automatic top-up is off"),
        ),
        (
            credit("2400", currency="JPY"),
            ("¥2,400 of credit is left, enough for about 2 days at the current spend; automatic top-up is off"),
        ),
    ],
)
def test_runway_says_what_credit_is_left_and_whether_it_is_topped_up(row: Row, said: str) -> None:
    assert sentences.runway(row) == said


# --- days ----------------------------------------------------------------------------------------------------------


def days(*values: str | int, open_day: bool = False, last: date = LAST_DAY, currency: str = "USD") -> list[Row]:
    """Days in a row up to `last`, which is complete unless `open_day`."""
    return [
        {
            "day": last - timedelta(days=len(values) - 1 - n),
            "amount": amount,
            "currency": currency,
            "is_complete": not (open_day and n == len(values) - 1),
        }
        for n, amount in enumerate(amounts(*values))
    ]


def with_gap(rows: list[Row]) -> list[Row]:
    return [row | {"day": row["day"] - timedelta(days=3)} for row in rows[:5]] + rows[5:]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (days(5), "22 Nov 2026 cost $5.00"),
        (days(5, open_day=True), "22 Nov 2026 cost $5.00 so far"),
        (days(0), "Nothing was spent on 22 Nov 2026"),
        (days(0, open_day=True), "Nothing was spent on 22 Nov 2026 so far"),
        (days(0, 0), "Nothing was spent on the 2 days shown"),
        (days(5, 3), "The most expensive of 2 days was 21 Nov 2026, with $5.00"),
        (days(5, 7, open_day=True), "The most expensive of 2 days was 22 Nov 2026, with $7.00 so far"),
        (days(5, 5, 3), "The most expensive 2 of 3 days cost $5.00 each"),
        (days(-5, 0), "Corrections bring the 2 days shown to −$5.00"),
        (
            days(*[1] * 7, *[2] * 7),
            "The 7 days to 22 Nov 2026 averaged $2.00 a day, 100% more than in the 7 days before",
        ),
        (
            days(*[2] * 7, *[1] * 7, 9, open_day=True),
            ("The 7 days to 21 Nov 2026 averaged $1.00 a day, 50% less than in the 7 days before"),
        ),
        (days(*[2] * 14), "The 7 days to 22 Nov 2026 averaged $2.00 a day, about as much as in the 7 days before"),
        (
            days(*[0] * 7, *[2] * 7),
            "The 7 days to 22 Nov 2026 averaged $2.00 a day, after nothing in the 7 days before",
        ),
        (
            days(*[2] * 7, *[0] * 7),
            "Nothing was spent in the 7 days to 22 Nov 2026, after some spend in the 7 days before",
        ),
        (days(*[0] * 14), "Nothing was spent in the 7 days to 22 Nov 2026, as in the 7 days before"),
        (days(*[-1] * 7, *[2] * 7), "The 7 days to 22 Nov 2026 averaged $2.00 a day"),
        (with_gap(days(*range(1, 15))), "The most expensive of 14 days was 22 Nov 2026, with $14.00"),
        (
            days(*["0.001"] * 14),
            "The 7 days to 22 Nov 2026 averaged <$0.01 a day, about as much as in the 7 days before",
        ),
        (
            days(*["1"] * 7, *["123456.7"] * 7, currency="EUR"),
            ("The 7 days to 22 Nov 2026 averaged €123,456.70 a day, 12,345,570% more than in the 7 days before"),
        ),
    ],
)
def test_days_are_compared_by_whole_weeks_or_not_at_all(rows: list[Row], said: str) -> None:
    assert sentences.per_day(rows) == said


# --- months --------------------------------------------------------------------------------------------------------


def month(name: str, amount: str | int, known: int = 30, *, complete: bool = True, forecast: str | None = None) -> Row:
    return {
        "month": date.fromisoformat(f"{name}-01"),
        "amount": Decimal(amount),
        "currency": "USD",
        "days_known": known,
        "days_in_month": 30,
        "is_complete": complete,
        "forecast": None if forecast is None else Decimal(forecast),
    }


NOVEMBER = month("2026-11", 100, 22, complete=False, forecast="150")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([NOVEMBER], "November 2026 is forecast to cost $150.00"),
        ([month("2026-10", 100), NOVEMBER], "November 2026 is forecast to cost $150.00, 50% more than in October"),
        ([month("2026-10", 0), NOVEMBER], "November 2026 is forecast to cost $150.00, after nothing in October"),
        ([month("2026-10", -5), NOVEMBER], "November 2026 is forecast to cost $150.00"),
        ([month("2026-10", 100, 20, complete=False), NOVEMBER], "November 2026 is forecast to cost $150.00"),
        ([month("2026-09", 100), NOVEMBER], "November 2026 is forecast to cost $150.00"),
        ([month("2026-10", 100), month("2026-11", 50)], "November 2026 cost $50.00, 50% less than in October"),
        ([month("2026-12", 50), month("2027-01", 50)], "January 2027 cost $50.00, about as much as in December"),
        (
            [month("2026-10", 100), month("2026-11", 0)],
            "Nothing was spent in November 2026, after some spend in October",
        ),
        ([month("2026-10", 0), month("2026-11", 0)], "Nothing was spent in November 2026, as in October"),
        ([month("2026-11", 100, 22, complete=False)], "November 2026 cost $100.00 on the 22 days known"),
        ([month("2026-11", 100, 1, complete=False)], "November 2026 cost $100.00 on the only day known"),
        ([month("2026-11", 0, 2, complete=False)], "Nothing was spent in November 2026 on the 2 days known"),
        ([month("2026-11", -7)], "November 2026 cost −$7.00"),
    ],
)
def test_months_are_compared_when_both_are_known_in_full(rows: list[Row], said: str) -> None:
    assert sentences.per_month(rows) == said


# --- hours ---------------------------------------------------------------------------------------------------------


def hours(*values: str, complete: bool = True) -> list[Row]:
    return [
        {"hour": NOW.replace(minute=0), "amount": amount, "currency": "USD", "is_complete": complete}
        for amount in amounts(*values)
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (hours("3"), "The most expensive hour cost $3.00: Sun 22 Nov 2026, 10:00 UTC"),
        (hours("3", "2"), "The most expensive hour cost $3.00: Sun 22 Nov 2026, 10:00 UTC"),
        (hours("3", complete=False), "The most expensive hour cost $3.00 so far: Sun 22 Nov 2026, 10:00 UTC"),
        (hours("3", "3", "2"), "The most expensive hours cost $3.00 each"),
        (hours("0.0001"), "The most expensive hour cost <$0.01: Sun 22 Nov 2026, 10:00 UTC"),
    ],
)
def test_the_most_expensive_hour_is_named_when_it_is_one(rows: list[Row], said: str) -> None:
    assert sentences.expensive_hours(rows) == said


def week(*values: tuple[int, int, str]) -> list[Row]:
    return [
        {"weekday": weekday, "hour": hour, "amount": Decimal(amount), "currency": "USD", "hours": 12}
        for weekday, hour, amount in values
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (week((1, 14, "3"), (7, 0, "2")), "On average, most is spent on Mondays from 14:00 to 15:00 UTC: $3.00"),
        (week((7, 23, "3")), "On average, most is spent on Sundays from 23:00 to 00:00 UTC: $3.00"),
        (week((1, 1, "3"), (2, 2, "3")), "On average, 2 hours of the week are the most expensive, with $3.00 each"),
        (week((1, 1, "0"), (2, 2, "0")), "On average, no hour of the week costs anything"),
        (week((1, 1, "-1")), "On average, no hour of the week costs anything"),
    ],
)
def test_the_most_expensive_hour_of_the_week_is_named_when_it_is_one(rows: list[Row], said: str) -> None:
    assert sentences.by_weekday_and_hour(rows) == said


# --- credit and invoices -------------------------------------------------------------------------------------------


def balances(*topups: str | None, source: str = "invoice", currency: str = "USD") -> list[Row]:
    return [
        {
            "valid_from": NOW + timedelta(days=n),
            "currency": currency,
            "topups": None if amount is None else Decimal(amount),
            "topup_source": source,
        }
        for n, amount in enumerate(topups)
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (balances(None, "0"), "No credit was added since 22 Nov 2026"),
        (balances(None, "50"), "$50.00 of credit was added since 22 Nov 2026"),
        (balances(None, "200", "0", "50"), "$250.00 of credit was added since 22 Nov 2026"),
        (balances("99", "50"), "$50.00 of credit was added since 22 Nov 2026"),
        (balances(None, "50", source="jump"), "At least $50.00 of credit was added since 22 Nov 2026"),
        (balances(None, "5000", currency="JPY"), "¥5,000 of credit was added since 22 Nov 2026"),
        (balances(None, None), "No credit was added since 22 Nov 2026"),
    ],
)
def test_credit_is_summed_from_the_first_reading_on(rows: list[Row], said: str) -> None:
    assert sentences.balances(rows) == said


def total(state: str, number: int, amount: str, currency: str = "USD") -> Row:
    settled = state == "settled"
    return {"state": state, "is_settled": settled, "invoices": number, "amount": Decimal(amount), "currency": currency}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([total("settled", 1, "5")], "The only invoice is settled"),
        ([total("settled", 25, "5"), total("settled", 1, "5", "EUR")], "All 26 invoices are settled"),
        ([total("open", 1, "26.25"), total("settled", 9, "1")], "1 open invoice worth $26.25"),
        ([total("open", 23, "299.75")], "23 open invoices worth $299.75"),
        ([total("open", 1200, "0")], "1,200 open invoices worth $0.00"),
        ([total("draft", 1, "21"), total("settled", 2, "5")], "No invoice is open; 1 draft invoice worth $21.00"),
        ([total("uncollectible", 2, "52.5")], "No invoice is open; 2 uncollectible invoices worth $52.50"),
        (
            [total("draft", 1, "21"), total("open", 1, "5"), total("uncollectible", 1, "9")],
            "1 open invoice worth $5.00; 1 draft invoice worth $21.00; 1 uncollectible invoice worth $9.00",
        ),
        (
            [total("open", 1, "5"), total("open", 2, "92733", "JPY"), total("open", 1, "7", "EUR")],
            "4 open invoices worth €7.00, ¥92,733 and $5.00",
        ),
        ([total("open", 1, "-5")], "1 open invoice worth −$5.00"),
    ],
)
def test_all_open_invoices_count_and_drafts_are_none_of_them(rows: list[Row], said: str) -> None:
    assert sentences.invoices(rows) == said


# --- comparisons ---------------------------------------------------------------------------------------------------


def verdicts(*found: tuple[str, str | None]) -> list[Row]:
    return [{"verdict": verdict, "reason": reason} for verdict, reason in found]


STRONG = ("agrees", "balance, daily, preview_gross")
WEAK = ("agrees", "daily, invoices")
DIFFERS = ("differs by 12.0 %", "preview_net")
UNIT = ("looks like a unit error: factor 100", "invoices")
NOTHING = ("not enough data", None)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (verdicts(NOTHING), "There is not enough data yet to compare usage with anything"),
        (verdicts(STRONG), "Usage agrees with the preview or the balance in 1 of 1 month"),
        (verdicts(STRONG, NOTHING), "Usage agrees with the preview or the balance in 1 of 2 months"),
        (verdicts(*[WEAK] * 12), "Usage can be compared with credit purchases only in 12 of 12 months"),
        (
            verdicts(STRONG, *[WEAK] * 3),
            (
                "Usage agrees with the preview or the balance in 1 of 4 months; can be compared with credit purchases "
                "only in 3 of 4 months"
            ),
        ),
        (
            verdicts(DIFFERS, STRONG, WEAK),
            (
                "Usage differs from other sources in 1 of 3 months; agrees with the preview or the balance in 1 of 3 "
                "months; can be compared with credit purchases only in 1 of 3 months"
            ),
        ),
        (
            verdicts(UNIT, STRONG),
            ("The unit of usage looks wrong by a factor of 100 in 1 of 2 months: check AIG_BILLING_USAGE_UNIT"),
        ),
        (verdicts(("agrees", None)), "Usage can be compared with credit purchases only in 1 of 1 month"),
    ],
)
def test_agreement_names_what_it_rests_on(rows: list[Row], said: str) -> None:
    assert sentences.reconciliation(rows) == said


def comparisons(*found: tuple[int, str, str | None]) -> list[Row]:
    return [{"month": date(2026, number, 1), "place": place, "finding": finding} for number, place, finding in found]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (comparisons((1, "daily", "agrees")), "No comparison confirms the unit of usage yet"),
        (comparisons((1, "balance", None), (2, "balance", "differs")), "No comparison confirms the unit of usage yet"),
        (comparisons((1, "balance", "agrees")), "1 comparison confirms the unit that is set"),
        (
            comparisons((1, "preview_gross", "agrees"), (1, "preview_net", "agrees")),
            "1 comparison confirms the unit that is set",
        ),
        (
            comparisons((1, "preview_gross", "agrees"), (2, "invoices", "agrees")),
            "2 comparisons confirm the unit that is set",
        ),
        (
            comparisons((1, "balance", "unit error")),
            "The unit that is set looks wrong by a factor of 100 in 1 comparison",
        ),
        (
            comparisons((1, "balance", "unit error"), (2, "balance", "unit error")),
            "The unit that is set looks wrong by a factor of 100 in 2 comparisons",
        ),
        (
            comparisons((1, "balance", "agrees"), (2, "balance", "unit error")),
            "Comparisons disagree: 1 confirms the unit that is set, 1 finds it wrong by a factor of 100",
        ),
        (
            comparisons(
                (1, "balance", "agrees"),
                (2, "balance", "agrees"),
                (3, "invoices", "unit error"),
                (4, "invoices", "unit error"),
            ),
            "Comparisons disagree: 2 confirm the unit that is set, 2 find it wrong by a factor of 100",
        ),
    ],
)
def test_the_unit_is_confirmed_by_independent_comparisons_alone(rows: list[Row], said: str) -> None:
    assert sentences.unit(rows) == said


# --- unusual days --------------------------------------------------------------------------------------------------


def judged(*found: tuple[str, str, bool | None]) -> list[Row]:
    return [
        {
            "day": LAST_DAY + timedelta(days=n),
            "amount": Decimal(amount),
            "usual": Decimal(usual),
            "is_unusual": unusual,
            "currency": "USD",
        }
        for n, (amount, usual, unusual) in enumerate(found)
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (judged(("1", "1", None)), "No day can be judged yet"),
        (judged(("1", "1", False)), "The only day that can be judged is usual"),
        (judged(("1", "1", None), ("1", "1", False), ("2", "2", False)), "None of 2 days stands out"),
        (
            judged(("9", "2", True), ("2", "2", False)),
            ("1 of 2 days stands out: 22 Nov 2026, $9.00 instead of the usual $2.00"),
        ),
        (
            judged(("9", "2", True), ("0", "20", True)),
            ("2 of 2 days stand out: most of all 23 Nov 2026, $0.00 instead of the usual $20.00"),
        ),
        (judged(("9", "2", True)), "1 of 1 day stands out: 22 Nov 2026, $9.00 instead of the usual $2.00"),
    ],
)
def test_only_days_that_can_be_judged_count(rows: list[Row], said: str) -> None:
    assert sentences.unusual_days(rows) == said
