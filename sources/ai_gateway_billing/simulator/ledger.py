"""What a pretend account pays: top-ups with their fee, one that failed, monthly usage, and the invoices they leave.

Cloudflare documents that there is a usage invoice for the month before, and that the card pays what credit did not
cover; not what its amounts are. So all three meanings can be had, `USAGE_INVOICES`.

Everything follows from the usage, so the same past comes out however much later one asks. Times are Unix seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from .exact import JsonObject
from .usage import DAY, HOUR, Usage, cost

NANO = 10**9
FEE_PER_CENT = 5
AUTO_FROM = 45  # days after the first: until then a person tops up by hand
CARD_FAILS = 130
RETRIES_END = 14 * DAY
PERSON = "sam.sample@example.com"
USAGE_INVOICES = ("zero", "uncovered", "full")
"""What a usage invoice asks for: nothing, what credit did not cover, or the whole month. But for `zero`, the debt that
is left at the end of a month is paid with it."""
_WORDS = {
    "manual": "Manual Top-up: AI Gateway Credits",
    "auto": "Automatic Top-up: AI Gateway Credits",
    "monthly": "AI Gateway usage",
}


class Payment(NamedTuple):
    """One invoice's story: how many cents it adds to the balance, when, by whom, and how it ends.

    `asked`: the cents it asks for, where that is not the credit and its fee.
    """

    at: int
    credits: int
    origin: str  # manual, auto, monthly
    ending: str = "paid"
    description: str = ""
    has_id: bool = True
    asked: int | None = None


_ODD = (
    Payment(18 * DAY + 37_000, 1000, "manual", description="AI Gateway credits (promotion)", has_id=False),
    Payment(33 * DAY + 55_555, 2000, "manual", "draft"),
    Payment(81 * DAY + 31_207, 2000, "manual", "void"),
    Payment(166 * DAY + 44_021, 2500, "manual", "open"),
)


class Ledger:
    """The payments of an account, worked out hour by hour as far as anybody has asked."""

    def __init__(
        self, name: str, usage: Usage, scale: int = 1000, usage_invoices: str = "uncovered", tops_up: bool = True
    ) -> None:
        if usage_invoices not in USAGE_INVOICES:
            raise ValueError(f"{usage_invoices} is none of {', '.join(USAGE_INVOICES)}")
        self.amount = max(1000, 5000 * scale // 1000 // 500 * 500)
        self.threshold = max(500, self.amount // 5)
        self._name = name
        self._usage = usage
        start = usage.start
        self._payments = [Payment(start + 8 * HOUR + 720, self.amount, "manual")]
        self._payments += [odd._replace(at=start + odd.at) for odd in _ODD]
        self._hour = start
        self._usage_invoices = usage_invoices
        self._tops_up = tops_up
        self._month_nano = 0
        self._nano = sum(payment.credits for payment in self._payments if payment.ending == "paid") * NANO
        self._failed_at = 0
        self._is_on = True
        self._written: dict[tuple[Payment, str, int], JsonObject] = {}

    def payments(self, now: int) -> list[Payment]:
        """All payments begun until `now`, oldest first."""
        while self._hour + HOUR <= now:
            self._close_hour()
        return sorted(payment for payment in self._payments if payment.at <= now)

    def balance(self, now: int) -> int:
        """Credits bought minus usage, as known at `now`, in billionths of a cent. May be negative."""
        bought = sum(each.credits for each in self.payments(now) if _status(each, now) == "paid")
        return bought * NANO - self._usage.spent(now)

    def topup_config(self, now: int) -> JsonObject:
        """The automatic top-up as the API shows it: zeros before it is set up, then amounts in cents."""
        payments = self.payments(now)
        is_set = now >= self._usage.start + AUTO_FROM * DAY
        failed = [payment.at for payment in payments if payment.ending == "uncollectible"]
        recovered = bool(failed) and any(p.origin == "manual" and p.at > failed[-1] for p in payments)
        is_broken = bool(failed) and not recovered
        return {
            "amount": self.amount if is_set else 0,
            "threshold": self.threshold if is_set else 0,
            "disabledReason": "payment_failed" if is_broken else None,
            "error": "Your card was declined." if is_broken else None,
            "lastFailedAt": failed[-1] * 1000 if failed else 0,
        }

    def invoices(self, now: int) -> list[JsonObject]:
        """Every invoice as it stands at `now`, oldest first, amounts in cents with the fee."""
        return [self._invoice(payment, now) for payment in self.payments(now)]

    def _close_hour(self) -> None:
        """Charge one hour, then top up if the balance asks for it."""
        charge = cost(self._usage.final(self._hour))
        self._nano -= charge
        self._month_nano += charge
        self._hour += HOUR
        moment = datetime.fromtimestamp(self._hour, UTC)
        day = (self._hour - self._usage.start) // DAY
        if (moment.day, moment.hour) == (1, 0):
            self._bill_month()
        if not self._tops_up:
            return
        low = self._nano < self.threshold * NANO
        if day >= AUTO_FROM and self._is_on and low:
            self._top_up(day)
        elif moment.hour == 9 and ((day < AUTO_FROM and low) or not self._is_on):
            self._pay("manual", self.amount * (1 if self._is_on else 2))
            self._is_on = True

    def _bill_month(self) -> None:
        debt = -(min(self._nano, 0) // NANO) if self._usage_invoices != "zero" else 0
        asked = {"zero": 0, "uncovered": debt, "full": -(-self._month_nano // NANO)}[self._usage_invoices]
        self._payments.append(Payment(self._hour + 180, debt, "monthly", asked=asked))
        self._nano += debt * NANO
        self._month_nano = 0

    def _top_up(self, day: int) -> None:
        if day >= CARD_FAILS and not self._failed_at:
            self._failed_at, self._is_on = self._hour, False
            self._payments.append(Payment(self._hour + 180, self.amount, "auto", "uncollectible"))
        else:
            self._pay("auto", self.amount)

    def _pay(self, origin: str, cents: int) -> None:
        self._payments.append(Payment(self._hour + 180, cents, origin))
        self._nano += cents * NANO

    def _invoice(self, payment: Payment, now: int) -> JsonObject:
        status = _status(payment, now)
        attempts = _attempts(payment, now)
        key = (payment, status, attempts)
        if key not in self._written:
            self._written[key] = invoice(self._name, payment, status, attempts)
        return dict(self._written[key])


def invoice(name: str, payment: Payment, status: str, attempts: int) -> JsonObject:
    """A payment as the API lists it; the id follows from `name` and the payment."""
    due = payment.credits * (100 + FEE_PER_CENT) // 100 if payment.asked is None else payment.asked
    paid = due if status == "paid" else 0
    mark = blake2b(f"{name}:{payment.at}:{payment.origin}".encode(), digest_size=9).hexdigest()
    return {
        "id": f"in_sim{mark}" if payment.has_id else None,
        "created": payment.at,
        "status": status,
        "currency": "usd",
        "amount_due": due,
        "amount_paid": paid,
        "amount_remaining": due - paid,
        "attempt_count": attempts,
        "attempted": attempts > 0,
        "auto_advance": payment.origin != "manual",
        "created_by": PERSON if payment.origin == "manual" else "system",
        "description": payment.description or _WORDS[payment.origin],
        "invoice_origin": payment.origin,
        "invoice_pdf": None if status == "draft" else f"https://invoices.example.invalid/i/{mark}/pdf?s=ap",
    }


def _status(payment: Payment, now: int) -> str:
    """Invoices live: a charge is open for some minutes, a usage invoice is a draft for an hour."""
    age = now - payment.at
    if payment.ending == "uncollectible":
        return "open" if age < RETRIES_END else "uncollectible"
    if payment.ending != "paid":
        return payment.ending
    if payment.origin == "monthly":
        return "draft" if age < HOUR else "paid"
    return "open" if age < 60 and payment.origin == "auto" else "paid"


def _attempts(payment: Payment, now: int) -> int:
    if payment.ending == "uncollectible":
        return 1 + min(3, (now - payment.at) // (4 * DAY))
    return {"draft": 0, "void": 0, "open": 2}.get(
        payment.ending, int((payment.asked if payment.asked is not None else payment.credits) > 0)
    )
