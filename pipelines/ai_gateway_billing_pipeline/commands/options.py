"""Options that several commands have, and what all of them do first: say how much is told on standard error."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, overload

import typer
from typer.models import OptionInfo

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import logs

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def finite(value: float | None) -> float | None:
    """A number that is one: neither nan nor an infinity."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def output(given: str) -> Path:
    """The file that `--output` names, or `-`. Raises `SettingsError`."""
    from ai_gateway_billing_pipeline import inputs

    return Path(given) if given == "-" else inputs.file_path(given, "--output")


Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="ID", help="Account ID, or `all`; repeatable."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Base URL of the API.  [default: Cloudflare's]")
]
Database = Annotated[
    str | None, typer.Option("--database", metavar="PATH", help="DuckDB file.  [default: billing.duckdb]")
]
Destination = Annotated[
    str | None, typer.Option("--destination", metavar="NAME", help="Where to load the raw tables.  [default: duckdb]")
]
Source = Annotated[
    str | None, typer.Option("--destination", metavar="NAME", help="Where load wrote.  [default: duckdb]")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Notify = Annotated[
    list[str] | None,
    typer.Option("--notify", metavar="URL", help="Where to send alerts, as Apprise writes it; repeatable."),
]
NotifyUrl = Annotated[
    str | None,
    typer.Option("--notify-url", metavar="URL", help="Webhook to call when a load fails or is partial."),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--max-requests-per-second",
        metavar="N",
        min=0.001,
        max=1000,
        callback=finite,
        help="Send at most N requests per second.",
    ),
]
Shard = Annotated[
    str | None,
    typer.Option("--shard", metavar="NAME", help="Name of this writer, where several load into one destination."),
]
TrustClock = Annotated[
    bool, typer.Option("--trust-clock", help="Take this machine's time where it is not Cloudflare's.")
]


class Extra(StrEnum):
    """What is loaded only when it is asked for."""

    ATTRIBUTION = "attribution"


With = Annotated[
    list[Extra] | None,
    typer.Option("--with", help="Also load who spent it, as an estimate. The token needs Account Analytics Read, too."),
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0,
        max=7 * 86_400,
        callback=finite,
        help="Wait up to this long for another load to end.",
    ),
]


def logged(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options on what it says on standard error: how much, and in which form.

    Texts that are empty or cannot be shown are refused for all its options.
    """
    own, added = inspect.signature(command), inspect.signature(_logging)

    @wraps(command)
    def run(**given: Any) -> None:
        _logging(**{name: given.pop(name) for name in added.parameters})
        refuse_unreadable({_spelled(own.parameters[name]): value for name, value in given.items()})
        command(**given)

    parameters = [*own.parameters.values(), *added.parameters.values()]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = command.__annotations__ | _logging.__annotations__
    return run


def in_place_of(parameter: str, make: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For commands that share options: those of `make` in place of a parameter, which takes what `make` returns.

    Stands below `logged`. All parameters become keywords.
    """
    shared = inspect.signature(make).parameters

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters

        @wraps(command)
        def run(**given: Any) -> None:
            made = make(**{name: given.pop(name) for name in shared})
            command(**given, **{parameter: made})

        added = {**own, **shared}
        names = [each for name in own for each in (shared if name == parameter else [name])]
        parameters = [added[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in names]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {name: added[name].annotation for name in names}
        return run

    return decorated


def store(*, database: Database = None, destination: Source = None) -> "Store":
    """Where a reader reads, address included. Raises `SettingsError` for what cannot be read."""
    from ai_gateway_billing_pipeline import settings

    named = settings.store(database, destination)
    if named.is_file:
        return named
    from ai_gateway_billing_pipeline.loading import remotes

    return remotes.found(named)


reading = in_place_of("store", store)
"""A command that reads what was loaded: `store` says where it is."""


class Loading(NamedTuple):
    """What every command that loads can be told."""

    extras: With = None
    trust_clock: TrustClock = False
    wait: Wait = 0.0
    rate: Rate = None
    account: Accounts = None
    base_url: BaseUrl = None
    database: Database = None
    destination: Destination = None
    shard: Shard = None
    notify: Notify = None
    notify_url: NotifyUrl = None
    as_json: Json = False

    def settings(self) -> dict[str, Any]:
        """Those of them that are settings, as `settings.resolve` takes them."""
        names = ("account", "base_url", "database", "destination", "shard")
        given = {name: getattr(self, name) for name in names}
        return {**given, "attribution": Extra.ATTRIBUTION in (self.extras or ())}


loading = in_place_of("shared", Loading)
"""A command that loads: `shared` is what it can be told as any other."""


def _spelled(parameter: inspect.Parameter) -> str:
    """The option as it is written; an argument is not."""
    (option,) = parameter.annotation.__metadata__
    return str(option.default) if isinstance(option, OptionInfo) else ""  # where typer keeps an annotation's first word


def refuse_unreadable(given: Mapping[str, object]) -> None:
    """Raise `SettingsError` for an empty text, which is a script's unset variable more often than a wish."""
    from ai_gateway_billing_pipeline import inputs

    for option, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            if option and isinstance(each, str) and (problem := inputs.problem_of(each)):
                raise SettingsError(f"{option} {problem}.")


def _logging(
    *,
    log_level: Annotated[
        logs.Level, typer.Option("--log-level", help="Log level on standard error.")
    ] = logs.Level.WARNING,
    log_format: Annotated[
        logs.Format, typer.Option("--log-format", help="Format of the log lines.")
    ] = logs.Format.TEXT,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    logs.set_up(log_level, log_format, is_quiet=quiet)


def require_one_result(target: Path, as_json: bool) -> None:
    """Standard output takes one thing. Raises `SettingsError`."""
    from ai_gateway_billing_pipeline.terminal import files

    if as_json and files.is_standard_output(target):
        raise SettingsError("--json and --output - both write to standard output. Use only one of them.")


def day(option: str, given: str) -> date:
    """The UTC day that an option names. Raises `SettingsError`."""
    try:
        if _DATE.fullmatch(given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise SettingsError(f"{option} {given} is not a date. Write it as YYYY-MM-DD.")


@overload
def days(first: str, last: str) -> tuple[date, date]: ...
@overload
def days(first: str | None, last: str | None) -> tuple[date | None, date | None]: ...
def days(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    """The days of `--from` and `--to`, both included. Raises `SettingsError` also when they are reversed."""
    begin = None if first is None else day("--from", first)
    end = None if last is None else day("--to", last)
    if begin and end and begin > end:
        raise SettingsError(f"--from {begin} is after --to {end}. Give the earlier day first.")
    return begin, end
