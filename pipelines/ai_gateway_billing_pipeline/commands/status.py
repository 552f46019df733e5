"""`aig-billing status`: what the database contains, for people and for machines."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.holdings import Holding, UnknownField
    from ai_gateway_billing_pipeline.settings import Store

_MANY = 20
"""Of more accounts a summary is shown, and those that need attention."""
_LISTED = 50
"""Lines about accounts that need attention."""
_NAME = 32


@options.logged
@options.reading
def status(
    *,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ACCOUNT", help="Only this account, by ID, name or alias; repeatable."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Show every account in full, also when there are over {_MANY}.")
    ] = False,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Show what the database contains and how the last loads went. One line per account and resource."""
    from ai_gateway_billing_pipeline.database import checks, holdings, scope, stores
    from ai_gateway_billing_pipeline.terminal import values

    with stores.connect(store) as connection:
        held, fields = holdings.holdings(connection), holdings.unknown_fields(connection)
        names = checks.names(connection)
        by_account = {name: list(own) for name, own in groupby(held, attrgetter("account_id"))}
        named = [word for word in account or () if word not in by_account]
        meant = scope.scope(connection, scope.Asked(named)).accounts if named else ()
    if account:
        chosen = {*account, *(each.id for each in meant)}
        by_account = {account_id: own for account_id, own in by_account.items() if account_id in chosen}
    if as_json:
        values.print_object(_as_json(store, by_account, names, fields))
    else:
        called = {account_id: _called(account_id, names.get(account_id)) for account_id in by_account}
        _print(by_account, called, fields, is_short=len(by_account) > _MANY and not everything)


def _called(account_id: str, name: str | None) -> str:
    from ai_gateway_billing_pipeline.terminal.values import cut

    return f"{cut(' '.join(name.split()), _NAME)} ({account_id})" if name else account_id


def _as_json(
    store: "Store",
    by_account: "Mapping[str, Sequence[Holding]]",
    names: Mapping[str, str],
    fields: "Sequence[UnknownField]",
) -> dict[str, Any]:
    return {
        "database": str(store),
        "names": {account_id: names.get(account_id) for account_id in by_account},
        "accounts": {
            account_id: {holding.resource: _object(holding) for holding in own}
            for account_id, own in by_account.items()
        },
        "unknown_fields": [field._asdict() for field in fields],
        "quarantined": sum(holding.quarantined for own in by_account.values() for holding in own),
    }


def _object(holding: "Holding") -> dict[str, Any]:
    row = holding._asdict()
    row["coverage"] = holding.coverage._asdict() if holding.coverage else None
    row["cursor"] = holding.coverage.read_until if holding.coverage else None
    del row["account_id"], row["resource"]
    return row


def _print(
    by_account: "Mapping[str, Sequence[Holding]]",
    called: Mapping[str, str],
    fields: "Sequence[UnknownField]",
    *,
    is_short: bool,
) -> None:
    from ai_gateway_billing_pipeline.terminal.values import minute

    if is_short:
        _summarise(by_account, called)
    else:
        for account_id, own in by_account.items():
            _print_account(called[account_id], own)
    for field in fields:
        since = minute(field.first_seen_at)
        line = f"Unknown field {field.table}.{field.field} ({field.data_type}), since {since}."
        sys.stdout.write(line + "\n")
    if not by_account:
        sys.stdout.write("No account has been loaded yet.\n")


def _print_account(called: str, own: "Sequence[Holding]") -> None:
    from ai_gateway_billing_pipeline.terminal import output

    columns = ["resource", "rows", "newest (UTC)", "last success", "note"]
    output.print_table(columns, map(_row, own), title=f"Account {called}", right=[1])
    sys.stdout.writelines(f"{line}\n" for line in ["", *map(_coverage, own)] if line is not None)


def _summarise(by_account: "Mapping[str, Sequence[Holding]]", called: Mapping[str, str]) -> None:
    """A line per resource for all accounts together, and the accounts that need attention."""
    from ai_gateway_billing_pipeline.terminal import output

    by_resource: dict[str, list[Holding]] = {}
    for own in by_account.values():
        for holding in own:
            by_resource.setdefault(holding.resource, []).append(holding)
    columns = ["resource", "accounts", "rows", "newest (UTC)", "oldest success", "failed", "days missing"]
    lines = [_total(resource, found) for resource, found in by_resource.items()]
    output.print_table(columns, lines, title=f"{len(by_account)} accounts", right=[1, 2, 5, 6])
    ill = [(called[account_id], *line) for account_id, own in by_account.items() for line in _troubles(own)]
    if ill:
        count = len({account for account, *_ in ill})
        output.print_table(["account", "resource", "note"], ill[:_LISTED], title=f"{count} accounts need attention")
    more = f" {len(ill) - _LISTED} lines are left out." if len(ill) > _LISTED else ""
    sys.stdout.write(
        f"\n{'' if ill else 'No account needs attention. '}--account ID shows one, --all every account.{more}\n"
    )


def _total(resource: str, found: "Sequence[Holding]") -> Sequence[object]:
    from ai_gateway_billing_pipeline.terminal.values import minute

    successes = [holding.last_success_at for holding in found if holding.last_success_at]
    return (
        resource,
        len(found),
        sum(holding.rows for holding in found),
        minute(max((holding.newest for holding in found if holding.newest), default=None)),
        minute(min(successes, default=None)),
        sum(bool(holding.error) for holding in found) or "–",
        sum(bool(holding.coverage and holding.coverage.missing) for holding in found) or "–",
    )


def _troubles(own: "Iterable[Holding]") -> Iterator[tuple[str, str]]:
    """What of an account did not go as it should, resource by resource. To be skipped is no trouble."""
    for holding in own:
        notes = [note for note in _notes(holding) if note != holding.skipped]
        if holding.coverage and holding.coverage.missing:
            days = holding.coverage.missing
            notes.append(f"{days} day{'s' * (days != 1)} missing")
        if notes:
            yield holding.resource, "; ".join(notes)


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
