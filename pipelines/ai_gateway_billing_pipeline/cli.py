"""The command `aig-billing`: which commands there are. Each is a file of `commands/`, with its options."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ai_gateway_billing_pipeline.commands import account, accounts, backfill, check, export, load, query, report, status
from ai_gateway_billing_pipeline.commands import options as common
from ai_gateway_billing_pipeline.terminal import exits

DISTRIBUTION = "cloudflare-ai-gateway-billing"

app = typer.Typer(
    name="aig-billing",
    help="Cloudflare AI Gateway billing in DuckDB: load it, look at it, ask it in SQL.",
    epilog="Exit codes: 0 done, 1 unexpected error, 2 bad option or setting, 3 token refused or lacks a permission, "
    "4 finished but something failed, 5 database in use, 6 API unreachable or limiting.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich for it would double the time that --help takes
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    sys.exit(exits.run(lambda: app(args=given, standalone_mode=False, prog_name="aig-billing")))


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


@common.logged
def doctor(
    *,
    account: common.Accounts = None,
    base_url: common.BaseUrl = None,
    database: common.Database = None,
    destination: common.Destination = None,
    as_json: common.Json = False,
) -> None:
    """Try everything that a load needs, and say how to mend what does not work."""
    from ai_gateway_billing_pipeline.commands import doctor as examination

    from . import settings

    resolved = settings.resolve(account=account, base_url=base_url, database=database, destination=destination)
    raise typer.Exit(examination.run(resolved, as_json))


for command in (
    load.load,
    backfill.backfill,
    status.status,
    query.query,
    check.check,
    report.report,
    accounts.accounts,
    doctor,
):
    app.command(command.__name__)(command)
for group in (export.app, account.app):
    app.add_typer(group)
