"""What an account is like right now, read anew from the API: in words for people, in fields for machines.

Card digits and invoice links are left out of both.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows.values import instant
from ai_gateway_billing_pipeline.terminal import values

from . import dollars

_NEWEST = 5
_INVOICE_FIELDS = ("id", "created", "status", "currency", "amount_due", "amount_paid", "invoice_origin")
_BALANCE_FIELDS = ("balance", "first_topup_success", "has_default_payment_method")


class State:
    """One account's state. Each part is asked for when it is first wanted, and once."""

    def __init__(self, client: Client, account_id: str, now: datetime) -> None:
        self._client, self._account_id, self._now = client, account_id, now

    @cached_property
    def _balance(self) -> dict[str, Any]:
        return self._client.credit_balance(self._account_id)

    @cached_property
    def _topup_config(self) -> dict[str, Any]:
        return self._client.topup_config(self._account_id)

    @cached_property
    def _spending_limit(self) -> dict[str, Any] | None:
        return self._client.spending_limit(self._account_id)

    @cached_property
    def _invoices(self) -> list[dict[str, Any]]:
        return self._client.invoice_history(self._account_id)[:_NEWEST]

    @property
    def card(self) -> str:
        """The brand of the card that is charged by default, or what is known instead."""
        if not self._balance.get("has_default_payment_method"):
            return "no card"
        method = self._balance.get("payment_method")
        return str((method or {}).get("brand") or "a card")

    def balance(self) -> str:
        """The prepaid credit and who pays for more."""
        return f"{dollars.both(self._balance.get('balance'))}; {self.card} on file"

    def automatic_topup(self) -> str:
        """When and how much is bought by itself."""
        amount, threshold = self._topup_config.get("amount"), self._topup_config.get("threshold")
        if not amount:
            return "off"
        text = f"{dollars.both(amount)} whenever the balance falls below {dollars.both(threshold)}"
        reason = self._topup_config.get("disabledReason")
        return f"{text}; stopped: {reason}" if reason else text

    def spending_limit(self) -> str:
        """The limit of the old kind, which can only be removed."""
        if self._spending_limit is None:
            return "none; the account was never topped up manually"
        if not self._spending_limit.get("enabled"):
            return "none"
        config = self._spending_limit.get("config") or {}
        return f"{dollars.both(config.get('amount'))}, {config.get('duration')}, {config.get('strategy')}"

    def newest_invoice(self) -> str:
        """By this one sees whether a top-up has just been made."""
        return self._invoice(self._invoices[0]) if self._invoices else "none"

    def lines(self) -> list[tuple[str, str]]:
        """Everything, in words."""
        invoices = [("Invoice", self._invoice(each)) for each in self._invoices]
        return [
            ("Balance", self.balance()),
            ("Automatic top-up", self.automatic_topup()),
            ("Spending limit", self.spending_limit()),
            *(invoices or [("Invoice", "none")]),
        ]

    def as_json(self) -> dict[str, object]:
        """Everything as the API gives it: amounts in cents, `created` in Unix seconds, the newest invoices first."""
        return {
            "credit_balance": _only(self._balance, _BALANCE_FIELDS),
            "topup_config": self._topup_config,
            "spending_limit": self._spending_limit,
            "newest_invoices": [_only(each, _INVOICE_FIELDS) for each in self._invoices],
        }

    def _invoice(self, invoice: Mapping[str, Any]) -> str:
        try:
            created = f"{values.minute(instant(invoice.get('created'), self._now))} UTC"
        except ValueError:
            created = "at an unknown time"
        words = (dollars.both(invoice.get("amount_due")), invoice.get("status"), invoice.get("invoice_origin"))
        return ", ".join(str(word) for word in (created, *words, invoice.get("id")) if word is not None)


def _only(fields: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}
