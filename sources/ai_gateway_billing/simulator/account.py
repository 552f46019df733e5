"""One pretend account: its usage book, its invoices, and the states that the API shows as of now.

Without a story it is brand-new: no usage, no invoice, nothing to preview, balance zero. Money is in cents.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .buckets import UsageBook, seconds
from .exact import JsonObject, total
from .gateways import Gateways
from .ledger import Payment, invoice
from .requests import RequestBook
from .story import Story

NO_CONFIG: JsonObject = {
    "amount": 0,
    "threshold": 0,
    "disabledReason": None,
    "error": None,
    "lastFailedAt": 0,
}
NO_LIMIT: JsonObject = {"enabled": False, "config": {"amount": None, "duration": None, "strategy": None}}
NOT_SET: Any = object()
"""Stands for "as generated" where None means something of its own."""


class Account(UsageBook):
    """What the API knows about one account. Readers take `now`; every other method changes the account.

    `preview_absent` is how "nothing to preview" is said: `not_found` (404), `null`, or `empty` (no lines).
    A top-up is open for `topup_settles_s` seconds before it is paid and its credits count; where
    `declines_card`, there is none.
    """

    def __init__(self, account_id: str, name: str = "Example", story: Story | None = None) -> None:
        super().__init__(account_id, story)
        self.name = name
        self.created_on = datetime.fromtimestamp(story.start if story else 0, UTC)
        self.preview_absent = "not_found"
        self.topup_settles_s = 0
        self.declines_card = False
        self._topups: list[Payment] = []
        self._invoices: dict[str, JsonObject | None] = {}
        self._lists: dict[str, str] = {}
        self._preview: JsonObject | None = NOT_SET
        self._balance: JsonObject = {}
        self._topup_config: JsonObject = NOT_SET
        self._topup_limits: JsonObject = {"min_cents": 1000, "max_cents": 1_000_000, "currency": "USD"}
        self._spending_limit: JsonObject | None = NOT_SET
        self.requests = RequestBook(account_id, story.usage if story else None)
        self.gateways = Gateways(account_id, is_generated=story is not None)

    def put_invoice(self, invoice: JsonObject, key: str | None = None, listed_as: str | None = None) -> str:
        """Add an invoice, or replace that of the same key; returns the key: its id, or a made-up one.

        `listed_as`: the type that lists it besides `all`, `auto` or `manual`; any other word for none. Else its origin.
        """
        key = key or invoice.get("id") or f"without-id-{len(self._invoices)}"
        if listed_as:
            self._lists[key] = listed_as
        self._invoices[key] = dict(invoice)
        return key

    def change_invoice(self, key: str, now: datetime, **fields: object) -> None:
        """Overwrite some fields of an invoice, also of a generated one."""
        self._invoices[key] = {**self._invoices_by_key(now)[key], **fields}

    def delete_invoice(self, key: str) -> None:
        """The API no longer lists this invoice."""
        self._invoices[key] = None

    def invoice_keys(self, now: datetime) -> list[str]:
        """The keys by which invoices are changed, newest invoice first."""
        return [key for key, _ in _newest_first(self._invoices_by_key(now))]

    def invoices(self, now: datetime, kind: str = "all") -> list[JsonObject]:
        """Every invoice, newest first, or those of one type, `auto` or `manual`: usage invoices are of neither."""
        listed = _newest_first(self._invoices_by_key(now))
        return [
            invoice
            for key, invoice in listed
            if kind == "all" or self._lists.get(key, invoice.get("invoice_origin")) == kind
        ]

    def top_up(self, cents: int, now: datetime) -> str:
        """Buy credits with the card, as a person does; returns the invoice's id."""
        self._topups.append(Payment(seconds(now), cents, "manual"))
        return str(self._topup_invoices(now)[-1]["id"])

    def topup_status(self, key: str, now: datetime) -> str | None:
        """`completed` once an invoice is paid, `pending` before; None when there is none of this id."""
        listed = self._invoices_by_key(now).get(key)
        if listed is None:
            return None
        return "completed" if listed["status"] == "paid" else "pending"

    def _has_settled(self, payment: Payment, now: datetime) -> bool:
        return payment.at <= seconds(now) - self.topup_settles_s

    def _topup_invoices(self, now: datetime) -> list[JsonObject]:
        return [
            invoice(f"{self.id}/{place}", each, "paid" if self._has_settled(each, now) else "open", 1)
            for place, each in enumerate(self._topups)
        ]

    def _invoices_by_key(self, now: datetime) -> dict[str, JsonObject]:
        generated = self._story.invoices(seconds(now)) if self._story else []
        listed = generated + self._topup_invoices(now)
        known = {each["id"] or f"generated-{each['created']}": each for each in listed}
        merged: dict[str, JsonObject | None] = {**known, **self._invoices}
        return {key: each for key, each in merged.items() if each is not None}

    def set_preview(self, preview: JsonObject | None, absent: str = "not_found") -> None:
        """Say what the preview holds; None is "nothing to preview", said as `preview_absent` lists."""
        self._preview, self.preview_absent = preview, absent

    def preview(self, now: datetime) -> JsonObject | None:
        """The statement of the running month, or None."""
        if self._preview is not NOT_SET:
            return self._preview
        return self._story.preview(seconds(now)) if self._story else None

    def set_balance(self, balance: object = NOT_SET, **fields: object) -> None:
        """Overwrite the balance in cents, or any other field of credit-balance by its name."""
        self._balance |= fields if balance is NOT_SET else {"balance": balance, **fields}

    def balance(self, now: datetime) -> JsonObject:
        """The credit balance. `topup_config` in it follows the account's, unless it was set here."""
        shown: JsonObject = {
            "balance": 0,
            "first_topup_success": False,
            "has_default_payment_method": False,
            "payment_method": None,
            **(self._story.balance(seconds(now)) if self._story else {}),
            "topup_config": self.topup_config(now),
            **self._balance,
        }
        bought = [each.credits for each in self._topups if self._has_settled(each, now)]
        if bought and isinstance(shown["balance"], int | Decimal):
            shown["balance"] = total([Decimal(shown["balance"]), Decimal(sum(bought))])
            shown["first_topup_success"] = True
        return shown

    def set_topup_config(self, config: JsonObject) -> None:
        """Replace the automatic top-up configuration as a whole."""
        self._topup_config = config

    def topup_config(self, now: datetime) -> JsonObject:
        """The automatic top-up in cents; zeros when there is none."""
        if self._topup_config is not NOT_SET:
            return self._topup_config
        return self._story.topup_config(seconds(now)) if self._story else dict(NO_CONFIG)

    def set_topup_limits(self, limits: JsonObject) -> None:
        """Replace the bounds of a single top-up."""
        self._topup_limits = limits

    def topup_limits(self) -> JsonObject:
        """The smallest and largest top-up in cents."""
        return self._topup_limits

    def set_spending_limit(self, limit: JsonObject | None) -> None:
        """Replace the spending limit; None is the answer `NO_MANUAL_TOPUP`."""
        self._spending_limit = limit

    def spending_limit(self) -> JsonObject | None:
        """The spending limit in cents, or None while nobody has topped up by hand."""
        limit = self._spending_limit
        if limit is NOT_SET:
            limit = self._story.spending_limit() if self._story else None
        return NO_LIMIT if limit is None and self._topups else limit


def _newest_first(invoices: dict[str, JsonObject]) -> list[tuple[str, JsonObject]]:
    return sorted(invoices.items(), key=lambda pair: -int(pair[1].get("created") or 0))
