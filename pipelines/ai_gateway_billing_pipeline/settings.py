"""Settings, resolved once and in one place: command option, environment, dlt config and secrets files, default.

And the client that they ask for.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from ai_gateway_billing.api.endpoints import BASE_URL, BUDGET
from ai_gateway_billing.errors import SettingsError, redact
from ai_gateway_billing.usage.windows import HISTORY_STARTS
from ai_gateway_billing_pipeline.budgets import Budget, budgets_in
from ai_gateway_billing_pipeline.terminal import logs

from . import dlt_files
from .inputs import file_path, problem_of, token_of, yes_or_no

if TYPE_CHECKING:
    from ai_gateway_billing.api.client import Client

UsageUnit = Literal["cents", "dollars"]

FILE = "duckdb"
"""The destination that is a file on this machine."""

DEFAULT_DATABASE = "billing.duckdb"
LONGEST_TAG = 100
"""Characters of a key of metadata."""
DEMO_DATABASE = "demo.duckdb"

NO_CREDENTIALS = (
    'No API token. Set CLOUDFLARE_API_TOKEN to a Cloudflare API token with the account permission "AI Gateway Read", '
    "or put it into .dlt/secrets.toml as sources.ai_gateway_billing.api_token. "
    "To look around without a token: aig-billing load --demo"
)


@dataclass(frozen=True, slots=True)
class Remote:
    """How a reader reaches a destination that is a database of its own.

    `address` is what its driver takes and holds the password, which is also `secret`, so that no message repeats it.
    """

    kind: str
    address: tuple[str, ...] = field(repr=False)
    secret: str = field(repr=False)
    usage_unit: UsageUnit = "cents"


@dataclass(frozen=True, slots=True)
class Store:
    """Where a load wrote: the DuckDB file `database`, or a `destination` that is a database of its own, `remote`."""

    database: Path
    destination: str = FILE
    remote: Remote | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is the DuckDB file."""
        return self.destination == FILE

    def __str__(self) -> str:
        return str(self.database) if self.is_file else self.destination


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command may need to know. `accounts` is None when none was chosen; `aliases` are by account id."""

    api_token: str | None
    accounts: str | Sequence[str] | None
    base_url: str
    start: str
    database: Path
    destination: str
    include_sensitive: bool
    usage_unit: UsageUnit
    aliases: Mapping[str, str] = field(default_factory=dict)
    shard: str | None = None
    attribution: bool = False
    attribution_tags: Sequence[str] = ()
    attribution_tags_hash: bool = False
    budgets: tuple[Budget, ...] = ()

    def __repr__(self) -> str:
        return f"Settings(database={str(self.database)!r}, destination={self.destination!r})"

    def token(self) -> str:
        """The API token. Raises `SettingsError` when there is none."""
        if not self.api_token:
            raise SettingsError(NO_CREDENTIALS)
        return self.api_token


def database_path(option: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The published file, for commands that need nothing else. Raises `SettingsError` for what can be no file."""
    if option is not None:
        return file_path(option, "--database")
    return file_path(environ.get("AIG_BILLING_DATABASE") or DEFAULT_DATABASE, "AIG_BILLING_DATABASE")


def store(database: str | None, destination: str | None, environ: Mapping[str, str] = os.environ) -> Store:
    """Where a reader reads; the arguments are the command's options. Raises `SettingsError` for what can be no file.

    A file that an option names is meant, whatever destination the environment has.
    """
    named = destination or (FILE if database else environ.get("AIG_BILLING_DESTINATION")) or FILE
    return Store(database_path(database, environ), named)


def usage_unit_set(environ: Mapping[str, str] = os.environ) -> UsageUnit:
    """The unit of `aggregated_value` as it is set. Raises `SettingsError`."""
    return usage_unit(environ.get("AIG_BILLING_USAGE_UNIT") or _from_dlt("usage_unit") or "cents")


def notify(option: Sequence[str] | None, environ: Mapping[str, str] = os.environ) -> Sequence[str]:
    """The addresses of alerts, which hold secrets."""
    return option or environ.get("AIG_BILLING_NOTIFY", "").split()


def usage_unit(value: str) -> UsageUnit:
    """The unit of `aggregated_value`. Raises `SettingsError` for another word."""
    if value not in get_args(UsageUnit):
        raise SettingsError(f"AIG_BILLING_USAGE_UNIT is {value!r}. Use cents or dollars.")
    return cast(UsageUnit, value)


def resolve(
    *,
    account: Sequence[str] | None = None,
    base_url: str | None = None,
    start: str | None = None,
    database: str | None = None,
    destination: str | None = None,
    shard: str | None = None,
    attribution: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """All settings; the arguments are the command's options. Raises `SettingsError` for a value that cannot be."""

    def setting(option: str | None, variable: str, key: str, default: str | None = None) -> str | None:
        return option or environ.get(variable) or _from_dlt(key) or default

    def flag(name: str) -> bool:
        variable = f"AIG_BILLING_{name.upper()}"
        return yes_or_no(variable, str(setting(None, variable, name, "false")))

    return Settings(
        api_token=token_of(environ) or _from_dlt("api_token"),
        accounts=list(account) if account else setting(None, "CLOUDFLARE_ACCOUNT_ID", "account_ids"),
        base_url=str(setting(base_url, "CLOUDFLARE_BASE_URL", "base_url", BASE_URL)),
        start=str(setting(start, "AIG_BILLING_START", "start", HISTORY_STARTS)),
        database=database_path(database, environ),
        destination=destination or environ.get("AIG_BILLING_DESTINATION") or FILE,
        include_sensitive=flag("include_sensitive"),
        usage_unit=usage_unit(str(setting(None, "AIG_BILLING_USAGE_UNIT", "usage_unit", "cents"))),
        aliases=_aliases(),
        shard=setting(shard, "AIG_BILLING_SHARD", "shard"),
        attribution=attribution or flag("attribution"),
        attribution_tags=_tags(setting(None, "AIG_BILLING_ATTRIBUTION_TAGS", "attribution_tags") or ""),
        attribution_tags_hash=flag("attribution_tags_hash"),
        budgets=budgets_of_dlt(),
    )


def budgets_of_dlt() -> tuple[Budget, ...]:
    """The budgets that are set now. Raises `SettingsError` for one that cannot be."""
    if not dlt_files.may_have("budgets"):
        return ()
    from . import configuration  # noqa: PLC0415 - as below

    return budgets_in(configuration.table("budgets"))


def _tags(text: str) -> tuple[str, ...]:
    listed = [each.strip() for each in text.split(",")] if text else []
    for each in listed:
        if problem_of(each) or len(each) > LONGEST_TAG:
            raise SettingsError("AIG_BILLING_ATTRIBUTION_TAGS has a tag that is empty or too long. Write team,user.")
    return tuple(dict.fromkeys(listed))


def _from_dlt(key: str) -> str | None:
    if not dlt_files.may_have(key):
        return None
    from . import configuration  # noqa: PLC0415 - brings dlt, which is slow and not for readers

    return configuration.text(key)


def _aliases() -> dict[str, str]:
    if not dlt_files.may_have("accounts"):
        return {}
    from . import configuration  # noqa: PLC0415 - as above

    table = configuration.table("accounts")
    for account_id, alias in table.items():
        problem = problem_of(alias) if isinstance(alias, str) else "is not text"
        if problem:
            raise SettingsError(
                f"The alias of account {redact(account_id)} {problem}. "
                'Write it as ID = "name" under [sources.ai_gateway_billing.accounts].'
            )
    return {account_id.strip().lower(): str(alias).strip() for account_id, alias in table.items()}


def client_for(settings: Settings, max_requests_per_second: float | None = None) -> "Client":
    """A client for the settings' token and base URL. Raises `SettingsError`.

    What listens on this machine itself is a simulator or a proxy: Cloudflare's budget is not ours to keep there.
    """
    from ai_gateway_billing.api.client import Client  # noqa: PLC0415  # brings httpx, which readers do not need
    from ai_gateway_billing.api.inputs import checked_base_url, is_loopback  # noqa: PLC0415

    token = settings.token()
    logs.conceal(token)
    host = checked_base_url(settings.base_url).hostname or ""
    return Client(
        token,
        base_url=settings.base_url,
        max_requests_per_second=max_requests_per_second,
        budget=None if is_loopback(host) else BUDGET,
    )
