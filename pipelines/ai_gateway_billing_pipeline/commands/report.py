"""The command `aig-billing report`, which needs the extra `report`."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store

MISSING = (
    "The report needs the extra `report`, which a plain install leaves out. In the folder of this project, run: "
    "pip install '.[report]'"
)


@options.logged
@options.reading
def report(
    *,
    target: Annotated[
        str, typer.Option("--output", metavar="PATH", help="HTML file to write; - for standard output.")
    ] = "spend.html",
    force: options.Force = False,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First UTC day.  [default: 60 days or 13 months ago]")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, included.  [default: the newest]")
    ] = None,
    account: answering.Named = None,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Write a spend report as one HTML page. It needs no network. Balance and runway show the latest state."""
    if missing := [name for name in ("altair", "vl_convert") if find_spec(name) is None]:
        raise SettingsError(f"{MISSING} ({' and '.join(missing)} missing)")
    from ai_gateway_billing_pipeline.database.scope import Days
    from ai_gateway_billing_pipeline.report import page
    from ai_gateway_billing_pipeline.terminal import files, output, values

    path = options.output(target)
    options.require_one_result(path, as_json)
    days = Days(*options.days(first, last))
    with files.written(path, store.database, [".html", ".htm"], force=force) as draft:
        done = page.write(store, draft, days, account or ())
    if as_json:
        values.print_object(
            {"path": str(target), "accounts": list(done.accounts), "bytes": done.bytes, "from": first, "to": last}
        )
    elif not files.is_standard_output(path):
        output.print_table(["report", "accounts", "MB"], [(str(target), len(done.accounts), f"{done.bytes / 1e6:.1f}")])
