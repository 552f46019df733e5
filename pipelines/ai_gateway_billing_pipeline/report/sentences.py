"""Sentences that say what the rows of `questions` show, and no more. They are the titles of charts and tables.

Amounts are compared and added within one currency only. Each function takes at least one row.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from ai_gateway_billing_pipeline.database.scope import Row

from .formats import count, day_name, hour_name, listed, money, month_name

_TOPUP_STATES = {
    "off": "; automatic top-up is off",
    "failing": "; automatic top-up is failing",
    "disabled": "; automatic top-up is disabled",
    "no card": "; automatic top-up has no card to charge",
}
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def runway(row: Row) -> str:
    """What credit is left, and what happens when it is used up."""
    if row["balance"] is None:
        return "The balance has not been read yet"
    if row["auto_topup"] == "on":
        return f"{_credit(row)}; {_next_topup(row)}"
    return _credit(row) + _lasting(row) + _TOPUP_STATES.get(row["auto_topup"], "")


def _credit(row: Row) -> str:
    if row["balance"] < 0:
        return f"The account owes {money(-row['balance'], row['currency'])}"
    if row["balance"] == 0:
        return "There is no credit"
    return f"{money(row['balance'], row['currency'])} of credit is left"


def _next_topup(row: Row) -> str:
    amount = money(row["next_topup_amount"], row["currency"])
    if row["next_topup_date"] is None:
        return f"automatic top-up adds {amount} when it falls below {money(row['topup_threshold'], row['currency'])}"
    if row["next_topup_date"] - row["as_of"].date() > timedelta(days=365):
        return f"the next automatic top-up of {amount} is more than a year away"
    return f"the next automatic top-up of {amount} is expected on {day_name(row['next_topup_date'])}"


def _lasting(row: Row) -> str:
    if row["burn_per_day_30d"] is None:
        return ", and no complete day of spend has been read yet"
    if not row["burn_per_day_7d"] and not row["burn_per_day_30d"]:
        return f", and nothing was spent {_on_last_days(row['burn_days_known'])}"
    if row["balance"] <= 0 or row["days_left"] is None:
        return ""
    if row["days_left"] > 365:
        return ", enough for more than a year at the current spend"
    days = "less than a day" if row["days_left"] < 1 else f"about {count(round(row['days_left']), 'day')}"
    return f", enough for {days} at the current spend"


def _on_last_days(known: int) -> str:
    return "in the last 30 days" if known == 30 else f"on the {count(known, 'day')} known of the last 30"


def per_day(rows: Sequence[Row]) -> str:
    """The newest week beside the one before it, or the most expensive day where there are no two whole weeks."""
    weeks = [row for row in rows if row["is_complete"]][-14:]
    if len(weeks) < 14 or weeks[-1]["day"] - weeks[0]["day"] != timedelta(days=13):
        return _largest_day(rows)
    before, week = (sum((row["amount"] for row in part), Decimal(0)) for part in (weeks[:7], weeks[7:]))
    last = day_name(weeks[-1]["day"])
    if not week:
        return f"Nothing was spent in the 7 days to {last}" + _compared(week, before, "in the 7 days before")
    spent = f"The 7 days to {last} averaged {money(week / 7, weeks[-1]['currency'])} a day"
    return spent + _compared(week, before, "in the 7 days before")


def _largest_day(rows: Sequence[Row]) -> str:
    if not any(row["amount"] for row in rows):
        return f"Nothing was spent on the {count(len(rows), 'day')} shown" if len(rows) > 1 else _one_day(rows[0])
    if len(rows) == 1:
        return _one_day(rows[0])
    largest = max(rows, key=lambda row: row["amount"])
    same = [row for row in rows if row["amount"] == largest["amount"]]
    amount = money(largest["amount"], largest["currency"])
    if largest["amount"] <= 0:
        total = money(sum(row["amount"] for row in rows), largest["currency"])
        return f"Corrections bring the {len(rows)} days shown to {total}"
    if len(same) > 1:
        return f"The most expensive {len(same)} of {len(rows)} days cost {amount} each"
    so_far = "" if largest["is_complete"] else " so far"
    return f"The most expensive of {len(rows)} days was {day_name(largest['day'])}, with {amount}{so_far}"


def _one_day(row: Row) -> str:
    so_far = "" if row["is_complete"] else " so far"
    if not row["amount"]:
        return f"Nothing was spent on {day_name(row['day'])}{so_far}"
    return f"{day_name(row['day'])} cost {money(row['amount'], row['currency'])}{so_far}"


def per_month(rows: Sequence[Row]) -> str:
    """The newest month or its forecast, beside the month before where both are known in full."""
    last = rows[-1]
    name, is_known = month_name(last["month"]), last["is_complete"]
    if not is_known and last["forecast"] is not None:
        amount = last["forecast"]
        said = f"{name} is forecast to cost {money(amount, last['currency'])}"
        return said + _beside_month_before(rows, amount)
    days = "only day" if last["days_known"] == 1 else f"{last['days_known']} days"
    so_far = "" if is_known else f" on the {days} known"
    if not last["amount"]:
        return f"Nothing was spent in {name}{so_far}" + (_beside_month_before(rows, Decimal(0)) if is_known else "")
    said = f"{name} cost {money(last['amount'], last['currency'])}{so_far}"
    return said + (_beside_month_before(rows, last["amount"]) if is_known else "")


def _beside_month_before(rows: Sequence[Row], amount: Decimal) -> str:
    if len(rows) < 2:
        return ""
    before, month = rows[-2], rows[-1]["month"]
    is_next = before["month"] == (month - timedelta(days=1)).replace(day=1)
    if not is_next or not before["is_complete"] or before["currency"] != rows[-1]["currency"]:
        return ""
    return _compared(amount, before["amount"], f"in {before['month']:%B}")


def expensive_hours(rows: Sequence[Row]) -> str:
    """The most expensive hour."""
    first = rows[0]
    amount = money(first["amount"], first["currency"])
    same = sum(row["amount"] == first["amount"] for row in rows)
    if same > 1:
        return f"The most expensive hours cost {amount} each"
    so_far = "" if first["is_complete"] else " so far"
    return f"The most expensive hour cost {amount}{so_far}: {hour_name(first['hour'])}"


def balances(rows: Sequence[Row]) -> str:
    """What was added to the credit between the first and the last reading shown."""
    added = [row for row in rows[1:] if row["topups"]]
    since = day_name(rows[0]["valid_from"])
    if not added:
        return f"No credit was added since {since}"
    amount = money(sum(row["topups"] for row in added), rows[-1]["currency"])
    at_least = "At least " if any(row["topup_source"] == "jump" for row in added) else ""
    return f"{at_least}{amount} of credit was added since {since}"


def invoices(totals: Sequence[Row]) -> str:
    """What is to be paid, from the rows of `invoice_totals`; drafts and invoices given up are named apart."""
    unsettled = [row for row in totals if not row["is_settled"]]
    if not unsettled:
        number = sum(row["invoices"] for row in totals)
        return "The only invoice is settled" if number == 1 else f"All {number:,} invoices are settled"
    states = list(dict.fromkeys(row["state"] for row in sorted(unsettled, key=_by_urgency)))
    parts = [_of_state(state, [row for row in unsettled if row["state"] == state]) for state in states]
    return "; ".join(parts if states[0] == "open" else ["No invoice is open", *parts])


def _by_urgency(row: Row) -> tuple[bool, str]:
    return row["state"] != "open", row["state"]


def _of_state(state: str, rows: Sequence[Row]) -> str:
    number = sum(row["invoices"] for row in rows)
    amounts = listed([money(row["amount"], row["currency"]) for row in sorted(rows, key=lambda row: row["currency"])])
    return f"{count(number, f'{state} invoice')} worth {amounts}"


def reconciliation(rows: Sequence[Row]) -> str:
    """In how many months usage agrees, and with what; what is wrong stands first."""
    months = count(len(rows), "month")
    wrong = sum(row["verdict"].startswith("looks like a unit error") for row in rows)
    if wrong:
        return f"The unit of usage looks wrong by a factor of 100 in {wrong} of {months}: check AIG_BILLING_USAGE_UNIT"
    differing = sum(row["verdict"].startswith("differs") for row in rows)
    agreeing = [row for row in rows if row["verdict"] == "agrees"]
    proven = sum(any(place in (row["reason"] or "") for place in ("preview", "balance")) for row in agreeing)
    weak = len(agreeing) - proven
    parts = [
        f"differs from other sources in {differing} of {months}" if differing else "",
        f"agrees with the preview or the balance in {proven} of {months}" if proven else "",
        f"can be compared with credit purchases only in {weak} of {months}" if weak else "",
    ]
    said = "; ".join(filter(None, parts))
    return f"Usage {said}" if said else "There is not enough data yet to compare usage with anything"


def unit(rows: Sequence[Row]) -> str:
    """Which unit of usage the comparisons support. Gross and net of one preview are one comparison."""
    findings: dict[tuple[object, str], set[str]] = {}
    for row in rows:
        if row["place"] != "daily":
            findings.setdefault((row["month"], row["place"].split("_")[0]), set()).add(row["finding"])
    right = sum("agrees" in found for found in findings.values())
    wrong = sum("unit error" in found and "agrees" not in found for found in findings.values())
    if not right and not wrong:
        return "No comparison confirms the unit of usage yet"
    if not right:
        return f"The unit that is set looks wrong by a factor of 100 in {count(wrong, 'comparison')}"
    confirm = "confirms" if right == 1 else "confirm"
    if not wrong:
        return f"{count(right, 'comparison')} {confirm} the unit that is set"
    find = "finds" if wrong == 1 else "find"
    return f"Comparisons disagree: {right} {confirm} the unit that is set, {wrong} {find} it wrong by a factor of 100"


def by_weekday_and_hour(rows: Sequence[Row]) -> str:
    """When most is spent, on average."""
    most = max(row["amount"] for row in rows)
    same = [row for row in rows if row["amount"] == most]
    amount = money(most, same[0]["currency"])
    if most <= 0:
        return "On average, no hour of the week costs anything"
    if len(same) > 1:
        return f"On average, {len(same)} hours of the week are the most expensive, with {amount} each"
    day, hour = _WEEKDAYS[same[0]["weekday"] - 1], same[0]["hour"]
    return f"On average, most is spent on {day} from {hour:02}:00 to {(hour + 1) % 24:02}:00 UTC: {amount}"


def unusual_days(rows: Sequence[Row]) -> str:
    """How many of the days that can be judged stand out, and which most."""
    judged = [row for row in rows if row["is_unusual"] is not None]
    if not judged:
        return "No day can be judged yet"
    unusual = [row for row in judged if row["is_unusual"]]
    if not unusual and len(judged) == 1:
        return "The only day that can be judged is usual"
    if not unusual:
        return f"None of {len(judged)} days stands out"
    most = max(unusual, key=lambda row: (abs(row["amount"] - row["usual"]), row["day"]))
    amounts = f"{money(most['amount'], most['currency'])} instead of the usual {money(most['usual'], most['currency'])}"
    stand = "stands" if len(unusual) == 1 else "stand"
    which = day_name(most["day"]) if len(unusual) == 1 else f"most of all {day_name(most['day'])}"
    return f"{len(unusual)} of {count(len(judged), 'day')} {stand} out: {which}, {amounts}"


def _compared(amount: Decimal, before: Decimal, when: str) -> str:
    """A change in per cent; nothing where one side is below zero, as per cent mean nothing there."""
    if amount < 0 or before < 0 or not (amount or before):
        return f", as {when}" if amount == before else ""
    if not before:
        return f", after nothing {when}"
    if not amount:
        return f", after some spend {when}"
    change = round(100 * (amount / before - 1))
    if not change:
        return f", about as much as {when}"
    return f", {abs(change):,}% {'more' if change > 0 else 'less'} than {when}"
