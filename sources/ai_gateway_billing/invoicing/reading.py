"""Reads an account's invoices, all of them or the newest, with the kind of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.pages import Enough, Listing, Page
from ai_gateway_billing.errors import BadRequestError
from ai_gateway_billing.rows import invoice_kinds
from ai_gateway_billing.rows.invoice_kinds import Told

from .front import Front

Item = dict[str, Any]


class Read(NamedTuple):
    """What was read: the list, whole or its newest part, and the kind of each invoice by its key.

    `told`: the kinds of the last whole list. They have to be told anew when it is read after something has changed.
    """

    listed: Listing
    kinds: Mapping[str, str]
    told: Told


class InvoiceReader:
    """Reads invoices. Threads may share it. Every method raises `ApiError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, account_id: str, told: Told | None, front: Front | None) -> Read:
        """The invoices of one account: the newest, where the `front` shows that the others are as they were."""
        return (front and self._newest(account_id, told, front)) or self._whole(account_id, told)

    def _whole(self, account_id: str, told: Told | None, listed: Listing | None = None) -> Read:
        listed = self._client.invoice_history(account_id) if listed is None else listed
        told = told if told and invoice_kinds.is_of(listed, told) else self._told(account_id, listed)
        return Read(listed, invoice_kinds.by_key(listed, told), told)

    def _newest(self, account_id: str, told: Told | None, front: Front) -> Read | None:
        """None when the newest do not tell enough of the others."""
        listed = self._client.invoice_history(account_id, enough=front.is_enough)
        if listed.is_whole:
            return self._whole(account_id, told, listed)
        known = {invoice_kinds.key(item): front.kind(item) for item in listed if front.is_known(item)}
        news = [item for item in listed if not front.is_known(item)]
        if not news:
            return Read(listed, known, told or invoice_kinds.NOT_TOLD)
        kinds = self._kinds(account_id, known, news)
        return None if kinds is None else Read(listed, known | kinds, invoice_kinds.NOT_TOLD)

    def _told(self, account_id: str, listed: Listing) -> Told:
        """What the lists by type say of all invoices. Without an invoice there is nothing to ask."""
        lists = self._by_type(account_id) if listed else []
        return invoice_kinds.told(listed, *lists, is_whole=not any(each.problem for each in lists))

    def _kinds(self, account_id: str, known: Mapping[str, str], news: Sequence[Item]) -> dict[str, str] | None:
        lists = self._by_type(account_id, _reaches(news))
        return None if any(each.problem for each in lists) else invoice_kinds.continued(known, news, *lists)

    def _by_type(self, account_id: str, enough: Enough = lambda _: False) -> list[Listing]:
        try:
            return [self._client.invoice_history(account_id, each, enough) for each in ("auto", "manual")]
        except BadRequestError:  # then it knows no types
            return []


def _reaches(items: Sequence[Item]) -> Enough:
    """Enough is a page that ends with an invoice older than all of these, as far as they tell when they were made."""
    made = [item.get("created") for item in items]

    def is_enough(pages: Sequence[Page]) -> bool:
        last = pages[-1].rows[-1].get("created") if pages[-1].rows else None
        return isinstance(last, int) and all(isinstance(each, int) and last < each for each in made)

    return is_enough
