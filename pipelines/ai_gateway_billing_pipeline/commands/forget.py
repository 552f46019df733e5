"""What `aig-billing account forget` does: shows what is stored of an account, asks, deletes."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ai_gateway_billing.api.inputs import checked_account_id
from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.loading import forget as stored
from ai_gateway_billing_pipeline.loading import store
from ai_gateway_billing_pipeline.loading.sql import FileSql, Sql
from ai_gateway_billing_pipeline.settings import Store
from ai_gateway_billing_pipeline.terminal import logs, output, values


def forget(given: str, where: Store, *, is_sure: bool, wait_s: float, as_json: bool) -> None:
    """Raises `SettingsError` when nothing is stored of the account, or nobody says yes."""
    account_id = checked_account_id(given)
    with _read(where) as sql:
        held = stored.held(sql, account_id)
    if not held:
        raise SettingsError(
            f"{where} contains nothing of account {account_id}. `aig-billing status` shows its accounts."
        )
    if not as_json and not (is_sure and logs.is_quiet()):
        sys.stdout.write(f"Stored of account {account_id} in {where}:\n")
        output.print_table(("table", "rows"), list(held.items()), right=[1])
        sys.stdout.flush()
    if not is_sure:
        _ask(as_json)
    with store.changed(where, wait_s, anew=True, forgets=account_id) as sql:
        held = stored.held(sql, account_id)  # a load may have come first
        stored.forget(sql, account_id)
    _tell(account_id, held, as_json)


@contextmanager
def _read(where: Store) -> Iterator[Sql]:
    if where.is_file:
        with read.connect(where.database) as connection:
            yield FileSql(connection)
        return
    with store.read(where) as sql:
        yield sql


def _ask(as_json: bool) -> None:
    if as_json or not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError("Nothing was deleted. Add --yes to delete all of this.")
    sys.stderr.write("Usage can be loaded again. Versions of previews and balances cannot.\n")
    sys.stderr.write("Type yes to delete all of this: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise SettingsError("Not confirmed. Nothing was deleted.")


def _tell(account_id: str, held: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        values.print_object({"status": "done", "account": account_id, "rows": dict(held)})
    elif not logs.is_quiet():
        sys.stdout.write(f"Deleted {sum(held.values())} rows of account {account_id}.\n")
