"""The command `aig-billing`. What a command needs is imported inside it, so that `--help` answers at once."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.main import get_command_name

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import RESOURCES
from ai_gateway_billing_pipeline.commands import account as account_cli
from ai_gateway_billing_pipeline.commands import report
from ai_gateway_billing_pipeline.terminal import exits, logs, signals
from ai_gateway_billing_pipeline.terminal.logs import Level

DISTRIBUTION = "cloudflare-ai-gateway-billing"
STOPPED = "Stopped. The database is as the last complete load left it; run again."

app = typer.Typer(
    name="aig-billing",
    help="Cloudflare AI Gateway billing in DuckDB: load it, look at it, ask it in SQL.",
    epilog="Exit codes: 0 done, 1 unexpected error, 2 bad option or setting, 3 token refused or lacks a permission, "
    "4 finished but something failed, 5 database in use, 6 API unreachable or limiting.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich for it would double the time that --help takes
    add_completion=False,
)

exports = typer.Typer(name="export", help="Hand what was loaded to other tools, as a file.", rich_markup_mode=None)
app.add_typer(exports)
app.add_typer(account_cli.app)
app.add_typer(report.app)


class Grouping(StrEnum):
    """Which usage to read."""

    HOUR = "hour"
    DAY = "day"
    BOTH = "both"

    @property
    def words(self) -> Sequence[Literal["hour", "day"]]:
        """The API's words for it."""
        return ("hour", "day") if self is Grouping.BOTH else ("hour",) if self is Grouping.HOUR else ("day",)


class FileFormat(StrEnum):
    """What an export is written as."""

    PARQUET = "parquet"
    CSV = "csv"

    @property
    def word(self) -> Literal["parquet", "csv"]:
        """Its name, which is also how a file of it ends."""
        return "csv" if self is FileFormat.CSV else "parquet"


Account = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="ID", help="Account to read, repeatable, or `all`."),
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Address of the API.")]
Start = Annotated[
    str | None,
    typer.Option("--start", metavar="DATE", help="First UTC day of the history."),
]
Database = Annotated[
    str | None,
    typer.Option("--database", metavar="PATH", help="DuckDB file [billing.duckdb]."),
]
Destination = Annotated[
    str | None,
    typer.Option("--destination", metavar="NAME", help="Any dlt destination [duckdb]."),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for another load to end.")
]
Rate = Annotated[
    float | None,
    typer.Option("--max-requests-per-second", metavar="N", min=0.001, help="Go slower than the API demands."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
LogLevel = Annotated[Level, typer.Option("--log-level", help="How much to log to standard error.")]
LogFormat = Annotated[logs.Format, typer.Option("--log-format", help="Log lines as text or as JSON objects.")]
NotifyUrl = Annotated[
    str | None, typer.Option("--notify-url", metavar="URL", help="Webhook to tell of a failed or partial load.")
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    asked = _with_only(given[0])
    sys.exit(exits.run(lambda: asked(args=given, standalone_mode=False, prog_name="aig-billing")))


def _with_only(name: str) -> typer.Typer:
    """The program with just that command, if it has one: typer examines every option of all that there are."""
    only = copy(app)
    only.registered_commands = [
        each for each in app.registered_commands if each.callback and get_command_name(each.callback.__name__) == name
    ]
    only.registered_groups = []
    return only if only.registered_commands else app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"aig-billing {version(DISTRIBUTION)}\n")
        raise typer.Exit


@app.callback()
def _common(
    show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def load(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Load a simulated account; needs no token.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="RESOURCE", help="Load just this resource, repeatable.")
    ] = None,
    lookback: Annotated[
        int | None,
        typer.Option("--lookback", metavar="DAYS", min=0, help="Whole UTC days to read again [3; 35 once in 24 h]."),
    ] = None,
    grouping: Annotated[Grouping, typer.Option("--grouping", help="Which usage to read.")] = Grouping.BOTH,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Read the whole history again.")] = False,
    wait: Wait = 0.0,
    rate: Rate = None,
    account: Account = None,
    base_url: BaseUrl = None,
    start: Start = None,
    database: Database = None,
    destination: Destination = None,
    notify_url: NotifyUrl = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
    log_format: LogFormat = logs.Format.TEXT,
) -> None:
    """Load what is new and what may have changed. Safe to run at any interval."""
    logs.set_up(log_level, log_format)
    with signals.at_once(STOPPED):
        from ai_gateway_billing_pipeline.commands import load as loading
        from ai_gateway_billing_pipeline.loading.load import Options

        from . import settings

        attempt = loading.Attempt(as_json=as_json, max_requests_per_second=rate, notify_url=notify_url)
        with attempt.told():
            options = Options(
                only=_resources(only or []),
                grouping=grouping.value,
                lookback_days=lookback,
                full_refresh=full_refresh,
                wait_s=wait,
                is_demo=demo,
            )
            source = loading.demo if demo else lambda **given: nullcontext(settings.resolve(**given))
            with source(
                account=account, base_url=base_url, start=start, database=database, destination=destination
            ) as resolved:
                code = attempt.run(resolved, options)
    raise typer.Exit(code)


@app.command()
def backfill(
    *,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First UTC day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last UTC day, included.")],
    wait: Wait = 0.0,
    rate: Rate = None,
    account: Account = None,
    base_url: BaseUrl = None,
    database: Database = None,
    destination: Destination = None,
    notify_url: NotifyUrl = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
    log_format: LogFormat = logs.Format.TEXT,
) -> None:
    """Read the usage of a range of days again, exactly. Cursors stay where they are."""
    logs.set_up(log_level, log_format)
    with signals.at_once(STOPPED):
        from ai_gateway_billing_pipeline.commands import load as loading
        from ai_gateway_billing_pipeline.loading.load import Options

        from . import settings

        attempt = loading.Attempt(as_json=as_json, max_requests_per_second=rate, notify_url=notify_url)
        with attempt.told():
            options = Options(only=("usage_hourly", "usage_daily"), backfill=_range(first, last), wait_s=wait)
            resolved = settings.resolve(account=account, base_url=base_url, database=database, destination=destination)
            code = attempt.run(resolved, options)
    raise typer.Exit(code)


@app.command()
def status(database: Database = None, as_json: Json = False, log_level: LogLevel = Level.WARNING) -> None:
    """Show what the database holds per account and resource, and how the last loads went."""
    logs.set_up(log_level)
    from ai_gateway_billing_pipeline.commands import status as states

    from . import settings

    states.show(settings.database_path(database), as_json)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="What to ask; - reads it from standard input.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    database: Database = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
) -> None:
    """Run SQL on the database, which it cannot change. Times are UTC, numbers exact."""
    logs.set_up(log_level)
    if as_csv and as_json:
        raise SettingsError("--csv and --json exclude each other.")
    from ai_gateway_billing_pipeline.database import read
    from ai_gateway_billing_pipeline.terminal import output

    from . import settings

    with read.connect(settings.database_path(database)) as connection:
        answer = read.query(connection, sys.stdin.read() if sql == "-" else sql)
        if as_json:
            output.print_json_rows(answer.columns, answer.rows)
        elif as_csv:
            output.print_csv(answer.columns, answer.rows)
        else:
            output.print_rows(answer.columns, answer.rows, answer.numbers)


@app.command()
def check(
    stale_after: Annotated[
        int, typer.Option("--stale-after", metavar="HOURS", min=1, help="When the last good load is too old.")
    ] = 36,
    database: Database = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
) -> None:
    """Check what was loaded for gaps, sums, duplicates, drift and age. Ends with 1 when something is wrong."""
    logs.set_up(log_level)
    from ai_gateway_billing_pipeline.database import checks, read
    from ai_gateway_billing_pipeline.terminal import output

    from . import settings

    with read.connect(settings.database_path(database)) as connection:
        found = list(checks.findings(connection, datetime.now(UTC), stale_after))
    if as_json:
        output.print_object(checks.as_json(found))
    else:
        checks.show(found)
    raise typer.Exit(checks.exit_code(found))


@exports.command("focus")
def export_focus(
    *,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First UTC day [all].")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, included [all].")] = None,
    kind: Annotated[
        FileFormat | None, typer.Option("--format", help="How to write it [as --output ends, else parquet].")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--output", metavar="PATH", help="File to write [focus_FROM_TO.FORMAT].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    database: Database = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
) -> None:
    """Write the charges as a FinOps FOCUS 1.3 Cost and Usage file."""
    logs.set_up(log_level)
    from ai_gateway_billing_pipeline.commands import export

    from . import settings

    days = export.Days(_day("--from", first) if first else None, _day("--to", last) if last else None)
    ending = FileFormat.CSV if target and target.suffix.lower() == ".csv" else FileFormat.PARQUET
    word = (kind or ending).word
    path = target or export.default_path(days, word)
    export.tell(export.focus(settings.database_path(database), days, path, word, overwrite=force), as_json=as_json)


@app.command()
def accounts(base_url: BaseUrl = None, as_json: Json = False, log_level: LogLevel = Level.WARNING) -> None:
    """List the accounts that the token sees. Seeing one does not mean that its billing may be read."""
    logs.set_up(log_level)
    from ai_gateway_billing_pipeline.terminal import output

    from . import connection, settings

    with connection.client_for(settings.resolve(base_url=base_url)) as client:
        rows = [(account["id"], account["name"]) for account in client.accounts()]
    if as_json:
        output.print_json_rows(["id", "name"], rows)
    else:
        output.print_table(["id", "name"], rows)


@app.command()
def doctor(
    *,
    account: Account = None,
    base_url: BaseUrl = None,
    database: Database = None,
    destination: Destination = None,
    as_json: Json = False,
    log_level: LogLevel = Level.WARNING,
) -> None:
    """Try everything that a load needs, and say how to mend what does not work."""
    logs.set_up(log_level)
    from ai_gateway_billing_pipeline.commands import doctor as examination

    from . import settings

    resolved = settings.resolve(account=account, base_url=base_url, database=database, destination=destination)
    raise typer.Exit(examination.run(resolved, as_json))


def _resources(names: Sequence[str]) -> Sequence[str]:
    wrong = [name for name in names if name not in RESOURCES]
    if wrong:
        raise SettingsError(f"--only {wrong[0]}: there is no such resource. There are {', '.join(RESOURCES)}.")
    return names


def _range(first: str, last: str) -> tuple[date, date]:
    begin, end = _day("--from", first), _day("--to", last)
    if begin > end:
        raise SettingsError(f"--from {begin} lies after --to {end}. Give the earlier day first.")
    if begin > datetime.now(UTC).date():
        raise SettingsError(f"--from {begin} lies ahead: there is nothing to read yet.")
    return begin, end


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text} is no date. Write it as YYYY-MM-DD.") from None
