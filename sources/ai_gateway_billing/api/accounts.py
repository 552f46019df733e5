"""Which accounts to read, from what the user said and what the token sees."""

from collections.abc import Sequence

from ai_gateway_billing.errors import AuthenticationError, BillingPermissionError, SettingsError

from .client import Client, checked_account_id

Choice = str | Sequence[str] | None


def named(choice: Choice) -> list[str]:
    """The account ids that the choice spells out: none for None or "all". Raises `SettingsError` for a bad id."""
    parts = choice.split(",") if isinstance(choice, str) else list(choice or ())
    ids = [part.strip() for part in parts if part.strip()]
    if [part.lower() for part in ids] == ["all"]:
        return []
    return list(dict.fromkeys(checked_account_id(part) for part in ids))


def choose(choice: Choice, client: Client) -> list[str]:
    """The ids to read; asks the API only when the choice leaves it open.

    Raises `SettingsError` when the token sees several accounts and none was chosen, or sees none at all.
    """
    ids = named(choice)
    if ids:
        return ids
    try:
        seen = [str(account["id"]) for account in client.accounts()]
    except (AuthenticationError, BillingPermissionError) as error:
        error.add_note("Naming the account in CLOUDFLARE_ACCOUNT_ID or with --account needs no list of accounts.")
        raise
    if not seen:
        raise SettingsError("The token sees no account. Name one in CLOUDFLARE_ACCOUNT_ID or with --account.")
    if choice is None and len(seen) > 1:
        message = f"The token sees {len(seen)} accounts: {', '.join(seen[:5])}{', …' if len(seen) > 5 else ''}. "
        raise SettingsError(message + "Choose with --account or CLOUDFLARE_ACCOUNT_ID, or take them all with `all`.")
    return seen
