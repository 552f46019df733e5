"""A generated account: usage, ledger and the statement of the running month, all as known at a given now."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .exact import JsonObject, from_nano
from .ledger import NANO, Ledger
from .usage import DAY, HOUR, LATE_HORIZON, MODELS, Model, Usage, cost

_DISCOUNT = 937  # of ten thousand: the credits that lower the first and largest model's line
_NAMED_SINCE = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
"""From this month on a statement has one total per model; before, one line for the tokens that went in, one for those
that came out."""
_UNEXPLAINED = 7  # of ten thousand: what amount_due exceeds the net lines by, as reported by a real account


class Story:
    """A believable account from `start` (a UTC midnight, Unix seconds) on. `scale` is its size per mille."""

    late_horizon = LATE_HORIZON
    """Seconds after which a closed bucket does not grow any more."""

    def __init__(self, name: str, seed: str, start: int, scale: int = 1000, **payments: Any) -> None:
        """`payments`: the options of the `Ledger`, `usage_invoices` and `tops_up`."""
        self.start = start
        self.usage = Usage(seed, start, scale)
        self.ledger = Ledger(name, self.usage, scale, **payments)
        self._name = name

    def value(self, grouping: str, start: int, now: int) -> Decimal | None:
        """The cents of one bucket, or None where it is silent so far."""
        read = self.usage.tokens if grouping == "hour" else self.usage.day_tokens
        nano = cost(read(start, now))
        return from_nano(nano) if nano else None

    def invoices(self, now: int) -> list[JsonObject]:
        """Every invoice, oldest first."""
        return self.ledger.invoices(now)

    def balance(self, now: int) -> JsonObject:
        """The credit balance in fractional cents, with the card and the automatic top-up."""
        return {
            "balance": from_nano(self.ledger.balance(now)),
            "first_topup_success": any(each.ending == "paid" for each in self.ledger.payments(now)),
            "has_default_payment_method": True,
            "payment_method": {"brand": "visa", "last4": "4242"},
            "topup_config": self.topup_config(now),
        }

    def topup_config(self, now: int) -> JsonObject:
        """The automatic top-up in cents."""
        return self.ledger.topup_config(now)

    def spending_limit(self) -> JsonObject:
        """A limit from before they were deprecated, in cents."""
        return {"enabled": True, "config": {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}}

    def preview(self, now: int) -> JsonObject | None:
        """The statement of the running month: gross lines; their net sum misses amount_due a little."""
        if now < self.start + HOUR:
            return None
        first, last = _month(now)
        lines = self._lines(first, last, now)
        net = sum(_net(line) for line in lines)
        due = net + net * _UNEXPLAINED // 10_000
        return {
            "id": f"upcoming_in_sim{datetime.fromtimestamp(first, UTC):%Y%m}{self._name[-6:]}",
            "status": "draft",
            "currency": "usd",
            "amount_due": due,
            "amount_paid": 0,
            "amount_remaining": due,
            "period_start": first,
            "period_end": last,
            "invoice_lines": lines,
        }

    def _lines(self, first: int, last: int, now: int) -> list[JsonObject]:
        days = range(max(first, self.start), min(last, now + 1), DAY)
        month = [self.usage.day_tokens(day, now) for day in days]
        sums = [sum(column) for column in zip(*month, strict=True)]
        period = {"start": first, "end": last}
        form = _total if first >= _NAMED_SINCE else _in_and_out
        used = [(model, count) for model, count in zip(MODELS, sums, strict=True) if count]
        lines = [line for model, count in used for line in form(model, count, period)]
        if lines:
            _credit(max(lines, key=lambda line: int(line["amount"])))
        return lines


def _month(now: int) -> tuple[int, int]:
    first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()), int(after.timestamp())


def _total(model: Model, tokens: int, period: JsonObject) -> list[JsonObject]:
    """The form since 2026-09-01: one total, named `provider/model`. Prepaid Workers AI is counted in thousands."""
    amount = _cents(tokens * model.price)
    if not model.prepaid:
        return [_line(model.name, amount, 1, str(amount), period)]
    return [_line("Workers AI prepaid", amount, Decimal(tokens).scaleb(-3), None, period)]


def _in_and_out(model: Model, tokens: int, period: JsonObject) -> list[JsonObject]:
    """The form before: two lines with counts and unit prices. What comes out costs five times what goes in."""
    if model.prepaid:
        return _total(model, tokens, period)
    words = f"workers-ai {model.name}" if model.name.startswith("@") else model.name.replace("/", " ", 1)
    out, price = tokens // 4, from_nano(model.price)
    amount = _cents(out * model.price * 5 // 2)
    rest = _cents(tokens * model.price) - amount
    return [
        _line(f"{words} Input Tokens", rest, tokens - out, f"{price / 2:f}", period),
        _line(f"{words} Output Tokens", amount, out, f"{price * 5 / 2:f}", period),
    ]


def _line(description: str, amount: int, quantity: int | Decimal, unit: str | None, period: JsonObject) -> JsonObject:
    return {
        "description": description,
        "amount": amount,
        "currency": "usd",
        "period": period,
        "pricing": {"unit_amount_decimal": unit},
        "quantity": quantity,
    }


def _credit(line: JsonObject) -> None:
    amount = line["amount"] * _DISCOUNT // 10_000
    line["pretax_credit_amounts"] = [
        {
            "amount": amount,
            "type": "credit_balance_transaction",
            "credit_balance_transaction": f"cbtxn_sim{line['period']['start']}",
            "discount": None,
        }
    ]


def _net(line: JsonObject) -> int:
    return int(line["amount"]) - sum(int(each["amount"]) for each in line.get("pretax_credit_amounts", ()))


def _cents(nano: int) -> int:
    """Half a cent rounds up."""
    return (nano + NANO // 2) // NANO
