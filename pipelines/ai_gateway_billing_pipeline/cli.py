"""The command `aig-billing`: which commands there are. `commands/` has them, with their options."""

import inspect
import os
import sys
from collections.abc import Collection, Sequence
from copy import copy
from typing import Annotated

import typer
from typer.models import CommandInfo, TyperInfo

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.commands import (
    account,
    accounts,
    answering,
    backfill,
    check,
    doctor,
    export,
    load,
    metrics,
    options,
    publish,
    query,
    report,
    status,
)
from ai_gateway_billing_pipeline.terminal import exits

DISTRIBUTION = "cloudflare-ai-gateway-billing"
_PLACES_OF_DLT = {"DLT_CONFIG_FOLDER", "DLT_DATA_DIR", "DLT_LOCAL_DIR", "DLT_PROJECT_DIR"}

app = typer.Typer(
    name="aig-billing",
    help="Load Cloudflare AI Gateway billing into DuckDB, check it and query it with SQL.",
    epilog="Exit codes: 0 done, 1 unexpected error (check: errors found), 2 bad option or setting, 3 token refused or "
    "lacks a permission, 4 something failed and the rest is loaded, 5 database in use, 6 API unreachable or rate "
    "limited.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich for it would double the time that --help takes
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    _settle_dlt()
    given = list(sys.argv[1:] if arguments is None else arguments)
    asked = app if "_AIG_BILLING_COMPLETE" in os.environ else _examining(given)  # shells give their words elsewhere
    sys.exit(exits.run(lambda: asked(args=given, standalone_mode=False, prog_name="aig-billing")))


def _examining(words: Collection[str]) -> typer.Typer:
    """The program in which only the commands among these words have options: typer examines all that it sees."""
    program = copy(app)
    program.registered_commands = [each if each.name in words else _told(each) for each in app.registered_commands]
    if account.app.info.name not in words:
        only_told = typer.Typer(name=account.app.info.name, help=account.app.info.help)
        program.registered_groups = [TyperInfo(only_told)]
    return program


def _told(command: CommandInfo) -> CommandInfo:
    return CommandInfo(command.name, callback=lambda: None, help=inspect.getdoc(command.callback))


def _settle_dlt() -> None:
    """What dlt takes from the environment while it is imported, such as its names for columns, is its default here."""
    for name in [name for name in os.environ if name.startswith("DLT_") and name not in _PLACES_OF_DLT]:
        del os.environ[name]
    os.environ["DLT_DISABLE_PLUGINS"] = "true"  # other packages may have some


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"aig-billing {version(DISTRIBUTION)}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _common(
    context: typer.Context,
    show: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    database: options.Database = None,
    destination: options.Source = None,
) -> None:
    given = {"--database": database, "--destination": destination}
    options.refuse_unreadable(given)
    if context.invoked_subcommand is None:
        if not answering.summary(database, destination):
            sys.stdout.write(context.get_help() + "\n")
    elif misplaced := [option for option, value in given.items() if value is not None]:
        raise SettingsError(f"{misplaced[0]} stands behind the command: aig-billing {context.invoked_subcommand} …")


for command in (
    load.load,
    backfill.backfill,
    status.status,
    answering.today,
    answering.daily,
    answering.monthly,
    answering.models,
    answering.gateways,
    answering.runway,
    answering.invoices,
    query.query,
    publish.publish,
    check.check,
    report.report,
    metrics.metrics,
    accounts.accounts,
    doctor.doctor,
    export.export,
):
    app.command(command.__name__)(command)
app.add_typer(account.app)
