"""The command `aig-billing report`, which needs the extra `report`."""

from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import logs
from ai_gateway_billing_pipeline.terminal.logs import Level

app = typer.Typer(rich_markup_mode=None)

MISSING = (
    "The report needs the extra `report`, which a plain install leaves out. In the folder of this project, run: "
    "pip install '.[report]'"
)


@app.command()
def report(
    *,
    target: Annotated[
        Path, typer.Option("--output", metavar="PATH", help="HTML file to write; replaced if it is there.")
    ] = Path("spend.html"),
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First UTC day [60 days, 13 months ago].")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, included [the newest].")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ID", help="Only this account [all].")] = None,
    database: Annotated[str | None, typer.Option("--database", metavar="PATH", help="DuckDB file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    log_level: Annotated[Level, typer.Option("--log-level", help="How much to log to standard error.")] = Level.WARNING,
) -> None:
    """Write spend at a glance as one HTML page that needs no network. Balance and runway are always those of now."""
    logs.set_up(log_level)
    if missing := [name for name in ("altair", "vl_convert") if find_spec(name) is None]:
        raise SettingsError(f"{MISSING} ({' and '.join(missing)} missing)")
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.report import page as reporting
    from ai_gateway_billing_pipeline.report.questions import Days
    from ai_gateway_billing_pipeline.terminal import output

    days = Days(_day("--from", first), _day("--to", last))
    if days.first and days.last and days.first > days.last:
        raise SettingsError(f"--from {first} lies after --to {last}. Give the earlier day first.")
    written = reporting.write(settings.database_path(database), target, days, account)
    if as_json:
        output.print_object(
            {"path": str(written.path), "accounts": list(written.accounts), "bytes": written.bytes,
             "from": first, "to": last}
        )  # fmt: skip
    else:
        output.print_table(
            ["report", "accounts", "MB"], [(str(target), len(written.accounts), f"{written.bytes / 1e6:.1f}")]
        )


def _day(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text} is no date. Write it as YYYY-MM-DD.") from None
