"""Sentences that say what the rows of `figures` mean. They are the titles of charts, so each says one finding."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from .questions import Row

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def money(amount: Decimal | float, currency: str | None) -> str:
    """An amount as people write it: `$1,234.56`, `CHF 12.00`."""
    digits = 0 if currency == "JPY" else 2
    sign = _SIGNS.get(currency or "", f"{currency} " if currency else "")
    rounded = round(Decimal(amount), digits)
    return f"{'−' if rounded < 0 else ''}{sign}{abs(rounded):,.{digits}f}"


def money_format(currency: str | None, largest: float) -> str:
    """The same for the axes of charts, in d3's language; cents only where they can be told apart."""
    digits = ".2f" if largest < 10 else ",.0f"
    return f"$,{digits.lstrip(',')}" if currency == "USD" else f",{digits.lstrip(',')}"


def day_name(day: date | datetime) -> str:
    """Like `22 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"


def runway(row: Row) -> str:
    """How long the credit lasts."""
    if row["balance"] is None:
        return "The balance has not been read yet"
    credit = money(row["balance"], row["currency"])
    if row["days_left"] is None:
        return f"{credit} of credit is left, and nothing is being spent"
    if row["days_left"] <= 0:
        return f"The credit is used up: the balance is {credit}"
    left = "less than a day" if row["days_left"] < 1 else f"about {_count(round(row['days_left']), 'day')}"
    return f"{credit} of credit lasts {left}" + ("" if row["auto_topup"] == "on" else " and is not topped up by itself")


def per_day(rows: Sequence[Row]) -> str:
    """The newest week beside the one before it, or the dearest day where there are no two weeks."""
    complete = [row["amount"] for row in rows if row["is_complete"]]
    currency = rows[-1]["currency"]
    if len(complete) < 14:
        dearest = max(rows, key=lambda row: (row["amount"], row["day"]))
        return f"The dearest day so far was {day_name(dearest['day'])} with {money(dearest['amount'], currency)}"
    week, before = sum(complete[-7:]) / 7, sum(complete[-14:-7]) / 7
    return f"Spending averages {money(week, currency)} a day, {_compared(week, before)} the week before"


def per_month(rows: Sequence[Row]) -> str:
    """Where the running month is heading, beside the month before."""
    last = rows[-1]
    name = f"{last['month']:%B %Y}"
    expected = last["forecast"] if last["forecast"] is not None and not last["is_complete"] else None
    amount = last["amount"] if expected is None else expected
    so_far = f"{name} {'came to' if expected is None else 'is heading for'} {money(amount, last['currency'])}"
    if len(rows) < 2 or rows[-2]["days_known"] < rows[-2]["days_in_month"]:
        return so_far
    return f"{so_far}, {_compared(amount, rows[-2]['amount'])} {rows[-2]['month']:%B}"


def per_model(rows: Sequence[Row]) -> str:
    """The dearest model's share of the month."""
    first, total = rows[0], sum(row["gross"] for row in rows)
    month = f"{first['billing_month']:%B %Y}"
    if not total:
        return f"No model has cost anything in {month}"
    return f"{first['model']} takes {100 * first['gross'] / total:.0f} % of {month}"


def per_model_and_day(rows: Sequence[Row]) -> str:
    """Which model led on how many days."""
    leaders = [
        max((row for row in rows if row["day"] == day), key=lambda row: (row["gross"], row["model"]))["model"]
        for day in sorted({row["day"] for row in rows})
    ]
    first = max(sorted(set(leaders)), key=leaders.count)
    return f"{first} was the dearest model on {leaders.count(first)} of {_count(len(leaders), 'day')}"


def dearest_hours(rows: Sequence[Row]) -> str:
    """The dearest hour."""
    first = rows[0]
    return f"The dearest hour cost {money(first['amount'], first['currency'])}: {hour_name(first['hour'])}"


def hour_name(hour: datetime) -> str:
    """Like `Tue 10 Nov 2026, 14:00 UTC`."""
    return f"{hour:%a} {day_name(hour)}, {hour:%H:%M} UTC"


def balances(rows: Sequence[Row]) -> str:
    """What was spent of the credit, and what was added to it."""
    added = [row["topups"] for row in rows if row["topups"]]
    currency = rows[-1]["currency"]
    since = day_name(rows[0]["valid_from"])
    if not added:
        return f"No credit was added since {since}"
    return f"{_count(len(added), 'top-up')} added {money(sum(added), currency)} of credit since {since}"


def invoices(rows: Sequence[Row]) -> str:
    """What is still to be paid."""
    still_open = [row for row in rows if not row["is_settled"]]
    if not still_open:
        return "The newest invoice is settled" if len(rows) == 1 else f"The newest {len(rows)} invoices are all settled"
    sums: dict[str, Decimal] = {}
    for row in still_open:
        sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + (row["amount_remaining"] or 0)
    amounts = " and ".join(money(amount, currency) for currency, amount in sorted(sums.items()))
    return f"{_count(len(still_open), 'invoice')} worth {amounts} {'is' if len(still_open) == 1 else 'are'} not settled"


def reconciliation(rows: Sequence[Row]) -> str:
    """How many months agree, and the unit error first of all."""
    judged = [row for row in rows if row["verdict"] != "not enough data"]
    wrong = [row for row in judged if row["verdict"].startswith("looks like a unit error")]
    if wrong:
        return f"A unit is a hundredfold wrong in {_count(len(wrong), 'month')}: see AIG_BILLING_USAGE_UNIT"
    if not judged:
        return "There is not enough data yet to compare usage with anything"
    agreeing = sum(row["verdict"] == "agrees" for row in judged)
    return f"Usage agrees with what else the API says in {agreeing} of {_count(len(judged), 'month')}"


def unit(rows: Sequence[Row]) -> str:
    """Which unit of the usage numbers the comparisons speak for; `rows` are those of `comparisons`."""
    witnesses = [row for row in rows if row["place"] != "daily"]
    right = sum(row["finding"] == "agrees" for row in witnesses)
    wrong = sum(row["finding"] == "unit error" for row in witnesses)
    if not right and not wrong:
        return "No comparison proves the unit yet"
    if wrong > right:
        return f"The unit that is set is wrong by a factor of 100, say {_count(wrong, 'comparison')}"
    return f"The unit that is set is right, say {_count(right, 'comparison')} against {wrong or 'none'}"


def by_weekday_and_hour(rows: Sequence[Row]) -> str:
    """When most is spent."""
    first = max(rows, key=lambda row: (row["amount"], -row["weekday"], -row["hour"]))
    name = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")[first["weekday"] - 1]
    return f"Most is spent on {name} at {first['hour']:02}:00 UTC: {money(first['amount'], first['currency'])} an hour"


def unusual_days(rows: Sequence[Row]) -> str:
    """How many days stand out, and which most."""
    unusual = [row for row in rows if row["is_unusual"]]
    if not unusual:
        return f"None of the last {_count(len(rows), 'day')} stands out"
    most = max(unusual, key=lambda row: (abs(row["amount"] - row["usual"]), row["day"]))
    amounts = f"{money(most['amount'], most['currency'])} instead of {money(most['usual'], most['currency'])}"
    stand = "day stands" if len(unusual) == 1 else "days stand"
    return f"{len(unusual)} {stand} out, {day_name(most['day'])} most: {amounts}"


def _compared(amount: Decimal, before: Decimal) -> str:
    if not before:
        return "after nothing in"
    change = round(100 * (amount / before - 1))
    return "as much as in" if change == 0 else f"{abs(change)} % {'more' if change > 0 else 'less'} than in"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
