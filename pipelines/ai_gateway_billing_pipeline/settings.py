"""Settings, resolved once and in one place: command option, environment, dlt config and secrets files, default.

And the client that they ask for.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from ai_gateway_billing.api.endpoints import BASE_URL, BUDGET
from ai_gateway_billing.errors import SettingsError, redact
from ai_gateway_billing.usage.windows import HISTORY_STARTS
from ai_gateway_billing_pipeline.terminal import logs

if TYPE_CHECKING:
    from ai_gateway_billing.api.client import Client

UsageUnit = Literal["cents", "dollars"]

FILE = "duckdb"
"""The destination that is a file on this machine."""

DEFAULT_DATABASE = "billing.duckdb"
LONGEST_TAG = 100
"""Characters of a key of metadata."""
DEMO_DATABASE = "demo.duckdb"

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # as md:…, sqlite:…, https:…; one letter alone is a drive
_TOKEN_FILE = "CLOUDFLARE_API_TOKEN_FILE"  # noqa: S105 - the variable that names one
_TOKEN_BYTES = 65_536

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


def whole_number(option: int | None, variable: str, default: int, environ: Mapping[str, str] = os.environ) -> int:
    """A number of days or hours. Raises `SettingsError` for what is none."""
    given = environ.get(variable, "").strip()
    if option is not None or not given:
        return default if option is None else option
    if not (given.isascii() and given.isdecimal() and len(given) <= 7):
        raise SettingsError(f"{variable} is {given!r}. Use a whole number.")
    return int(given)


def problem_of(text: str) -> str:
    """Why no setting can be this text, or nothing."""
    if not text.strip():
        return "is empty"
    if any(ord(letter) < 32 for letter in text):
        return "contains a line end or another control character"
    return "is not UTF-8 text" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""


def file_path(text: str, what: str) -> Path:
    """The one reading of a path that somebody gives: `~` is expanded, what can be no file of this machine is refused.

    `what` is the option or variable, for the message of the `SettingsError`.
    """
    if problem := problem_of(text):
        raise SettingsError(f"{what} {problem}. Name a file.")
    if text == ":memory:":
        raise SettingsError(f"{what} {text} is lost when the command ends. Name a file.")
    if _ADDRESS.match(text):
        raise SettingsError(f"{what} is an address, not a file. Name a file on this machine; see also --destination.")
    try:
        path = Path(text).expanduser()
        is_folder = text.endswith(os.sep) or path.is_dir()
    except RuntimeError:
        raise SettingsError(f"{what} {text}: no such user on this machine. Name a file.") from None
    except OSError as error:
        raise SettingsError(f"{what} {text}: {error.strerror}. Name another file.") from error
    if is_folder:
        raise SettingsError(f"{what} {text} is a folder. Name a file in it.")
    return path


def token_of(environ: Mapping[str, str]) -> str | None:
    """The API token of the environment, or of the file that it names. Raises `SettingsError`."""
    token, named = environ.get("CLOUDFLARE_API_TOKEN"), environ.get(_TOKEN_FILE)
    if not named:
        return token or None
    if token:
        raise SettingsError(f"CLOUDFLARE_API_TOKEN and {_TOKEN_FILE} are both set. Set only one of them.")
    path = file_path(named, _TOKEN_FILE)
    try:
        with path.open("rb") as file:
            content = file.read(_TOKEN_BYTES).decode("utf-8-sig").strip()
    except OSError as error:
        raise SettingsError(f"{_TOKEN_FILE}: {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{_TOKEN_FILE}: {path} is not UTF-8 text. Save only the token in it.") from None
    if not content:
        raise SettingsError(f"{_TOKEN_FILE}: {path} is empty. Save only the token in it.")
    return content


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
        return _flag(variable, str(setting(None, variable, name, "false")))

    return Settings(
        api_token=token_of(environ) or _from_dlt("api_token"),
        accounts=list(account) if account else setting(None, "CLOUDFLARE_ACCOUNT_ID", "account_ids"),
        base_url=str(setting(base_url, "CLOUDFLARE_BASE_URL", "base_url", BASE_URL)),
        start=str(setting(start, "AIG_BILLING_START", "start", HISTORY_STARTS)),
        database=database_path(database, environ),
        destination=destination or environ.get("AIG_BILLING_DESTINATION") or FILE,
        include_sensitive=flag("include_sensitive"),
        usage_unit=usage_unit(str(setting(None, "AIG_BILLING_USAGE_UNIT", "usage_unit", "cents"))),
        aliases=_aliases(_table_from_dlt("accounts")),
        shard=setting(shard, "AIG_BILLING_SHARD", "shard"),
        attribution=attribution or flag("attribution"),
        attribution_tags=_tags(setting(None, "AIG_BILLING_ATTRIBUTION_TAGS", "attribution_tags") or ""),
        attribution_tags_hash=flag("attribution_tags_hash"),
    )


def _tags(text: str) -> tuple[str, ...]:
    listed = [each.strip() for each in text.split(",")] if text else []
    for each in listed:
        if problem_of(each) or len(each) > LONGEST_TAG:
            raise SettingsError("AIG_BILLING_ATTRIBUTION_TAGS has a tag that is empty or too long. Write team,user.")
    return tuple(dict.fromkeys(listed))


def _aliases(table: Mapping[str, object]) -> dict[str, str]:
    for account_id, alias in table.items():
        problem = problem_of(alias) if isinstance(alias, str) else "is not text"
        if problem:
            raise SettingsError(
                f"The alias of account {redact(account_id)} {problem}. "
                'Write it as ID = "name" under [sources.ai_gateway_billing.accounts].'
            )
    return {account_id.strip().lower(): str(alias).strip() for account_id, alias in table.items()}


def _table_from_dlt(key: str) -> Mapping[str, object]:
    """A table of dlt's config files, or JSON in its variable. Raises `SettingsError` for something else."""
    value = _look_up(key)
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise SettingsError(f"The setting sources.ai_gateway_billing.{key} is not a table. See Settings in the README.")


def _from_dlt(key: str) -> str | None:
    """A value of dlt's config or secrets files as text; a list with commas."""
    value = _look_up(key)
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return None if value is None else str(value)


def _look_up(key: str) -> object:
    """As dlt finds it by its own rules."""
    import dlt  # noqa: PLC0415  # slow, and needed only by commands that load or ask the API
    from dlt.common.configuration.exceptions import ConfigurationException  # noqa: PLC0415

    from . import configuration  # noqa: PLC0415

    place = dlt.secrets if key == "api_token" else dlt.config
    try:
        with configuration.only("sources.ai_gateway_billing"):
            return place.get(f"sources.ai_gateway_billing.{key}")
    except ConfigurationException as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> SettingsError:
    paths = [path for path in getattr(error, "full_paths", ()) if Path(path).exists()]
    reason = str(error).rpartition("\n")[2]
    return SettingsError(
        f"{' or '.join(paths) or 'A settings file of dlt'} cannot be read: {reason}. "
        "It must be TOML, saved as UTF-8 without a byte order mark."
    )


def _flag(variable: str, value: str) -> bool:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    try:
        return words[value.strip().lower()]
    except KeyError:
        raise SettingsError(f"{variable} is {value!r}. Use true or false.") from None


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
