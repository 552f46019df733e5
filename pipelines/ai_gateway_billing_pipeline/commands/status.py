"""`aig-billing status`: what the published file holds, for people and for machines."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.read import Holding, UnknownField
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
def status(store: "Store", as_json: options.Json = False) -> None:
    """Show what the database contains and how the last loads went. One line per account and resource."""
    from ai_gateway_billing_pipeline.database import read, stores
    from ai_gateway_billing_pipeline.terminal import values

    with stores.connect(store) as connection:
        holdings, fields = read.holdings(connection), read.unknown_fields(connection)
    if as_json:
        values.print_object(_as_json(store, holdings, fields))
    else:
        _print(holdings, fields)


def _as_json(store: "Store", holdings: "Sequence[Holding]", fields: "Sequence[UnknownField]") -> dict[str, Any]:
    accounts: dict[str, dict[str, Any]] = {}
    for holding in holdings:
        row = holding._asdict()
        row["coverage"] = holding.coverage._asdict() if holding.coverage else None
        row["cursor"] = holding.coverage.read_until if holding.coverage else None
        account_id, resource = row.pop("account_id"), row.pop("resource")
        accounts.setdefault(account_id, {})[resource] = row
    return {
        "database": str(store),
        "accounts": accounts,
        "unknown_fields": [field._asdict() for field in fields],
        "quarantined": sum(holding.quarantined for holding in holdings),
    }


def _print(holdings: "Sequence[Holding]", fields: "Sequence[UnknownField]") -> None:
    from ai_gateway_billing_pipeline.terminal import output
    from ai_gateway_billing_pipeline.terminal.values import minute

    for account_id in dict.fromkeys(holding.account_id for holding in holdings):
        own = [holding for holding in holdings if holding.account_id == account_id]
        columns = ["resource", "rows", "newest (UTC)", "last success", "note"]
        output.print_table(columns, map(_row, own), title=f"Account {account_id}", right=[1])
        sys.stdout.writelines(f"{line}\n" for line in ["", *map(_coverage, own)] if line is not None)
    for field in fields:
        since = minute(field.first_seen_at)
        line = f"Unknown field {field.table}.{field.field} ({field.data_type}), since {since}."
        sys.stdout.write(line + "\n")
    if not holdings:
        sys.stdout.write("No account has been loaded yet.\n")


def _row(holding: "Holding") -> Sequence[object]:
    from ai_gateway_billing_pipeline.terminal.values import minute

    return (
        holding.resource,
        holding.rows,
        minute(holding.newest),
        minute(holding.last_success_at),
        "; ".join(_notes(holding)),
    )


def _coverage(holding: "Holding") -> str | None:
    from ai_gateway_billing_pipeline.terminal.values import minute

    covered = holding.coverage
    if covered is None:
        return None
    span = f"{covered.first_day} to {minute(covered.read_until)}"
    return f"{holding.resource} covers {span}: {covered.days} whole days, {covered.missing or 'none'} missing."


def _notes(holding: "Holding") -> list[str]:
    from ai_gateway_billing_pipeline.terminal.values import minute

    notes = []
    if holding.error:
        notes.append(f"failed {minute(holding.last_attempt_at)}: {holding.error}")
    if holding.skipped:
        notes.append(holding.skipped)
    if holding.quarantined:
        notes.append(f"{holding.quarantined} quarantined")
    return notes
