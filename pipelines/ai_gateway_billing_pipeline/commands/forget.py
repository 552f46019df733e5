"""What `aig-billing account forget` does: shows what is stored of an account, asks, deletes."""

import sys
from collections.abc import Mapping

from ai_gateway_billing.api.inputs import checked_account_id
from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.loading import forget as stored
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from ai_gateway_billing_pipeline.terminal import logs, output, values


def forget(given: str, database: str | None, *, is_sure: bool, wait_s: float, as_json: bool) -> None:
    """Raises `SettingsError` when nothing is stored of the account, or nobody says yes."""
    account_id, path = checked_account_id(given), settings.database_path(database)
    with read.connect(path) as connection:
        held = stored.held(connection, account_id)
    if not held:
        raise SettingsError(
            f"{path} contains nothing of account {account_id}. `aig-billing status` shows its accounts."
        )
    if not as_json and not (is_sure and logs.is_quiet()):
        sys.stdout.write(f"Stored of account {account_id} in {path}:\n")
        output.print_table(("table", "rows"), list(held.items()), right=[1])
        sys.stdout.flush()
    if not is_sure:
        _ask(as_json)
    with Workspace(path.resolve()).changed(wait_s, anew=True) as connection:
        held = stored.held(connection, account_id)  # a load may have come first
        stored.forget(connection, account_id)
    _tell(account_id, held, as_json)


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
