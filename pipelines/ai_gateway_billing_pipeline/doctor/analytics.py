"""What `doctor` says of attribution: whether the token may read the gateways and the analytics."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import BillingError
from ai_gateway_billing.rows import values
from ai_gateway_billing.usage import windows

from .machine import Check, failed

_DAYS = 3


def examine(client: Client, account_id: str, usage_unit: str, now: datetime) -> Iterator[Check]:
    """The gateways, and the estimates of the last three whole days beside what was billed on them."""
    try:
        count = len(client.analytics.gateways(account_id))
        yield Check("gateways", "ok", f"answers, {count} gateway(s)", account_id)
    except BillingError as error:
        yield failed("gateways", error, account_id)
    try:
        yield _compared(client, account_id, usage_unit, now)
    except BillingError as error:
        yield failed("analytics", error, account_id)


def _compared(client: Client, account_id: str, usage_unit: str, now: datetime) -> Check:
    """No rows and no error is what a token without the permission gets: only the bill of the same days can tell."""
    end = windows.floor("day", now)
    start = end - timedelta(days=_DAYS)
    offer = client.analytics.offer(account_id)
    fields = [name for name in ("cost", "wholesale") if name in offer.fields]
    rows = client.analytics.groups(account_id, fields, start, end, offer.page_size)
    usage = client.usage_history(account_id, "day", windows.epoch_ms(start), windows.epoch_ms(end)).history
    billed = _sum(bucket.get("aggregated_value") for bucket in usage) / (100 if usage_unit == "cents" else 1)
    if rows:
        estimate = _sum((row.get("sum") or {}).get("cost") for row in rows)
        message = f"answers: about ${estimate:,.2f} in {_DAYS} days, own provider keys included; billed: {billed:,.2f}"
        return Check("analytics", "ok", message, account_id)
    if not billed:
        return Check("analytics", "ok", "answers, nothing there yet", account_id)
    message = (
        f"It gives no rows and no error, although {billed:,.2f} was billed in the same {_DAYS} days. That is what a "
        'token without the permission "AI Gateway Read" gets. Give it that one and "Account Analytics Read".'
    )
    return Check("analytics", "fail", message, account_id, 3)


def _sum(numbers: Iterator[Any]) -> Decimal:
    return sum((values.estimate(number) for number in numbers if number is not None), Decimal(0))
