"""`aig-billing metrics`: gauges for Prometheus, by way of the node exporter's textfile collector."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, telling

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store

_BEGINNING = b"# HELP aig_billing_"
_READABLE = 0o644
"""For everybody: the node exporter is another user."""


@options.logged
@options.reading
def metrics(
    *,
    target: Annotated[
        str,
        typer.Option("--output", metavar="PATH", help="File to write, such as billing.prom; - for standard output."),
    ] = "-",
    force: options.Force = False,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Write balance, spend, age of data and findings for Prometheus."""
    from ai_gateway_billing_pipeline import metrics as gauges
    from ai_gateway_billing_pipeline.database import stores
    from ai_gateway_billing_pipeline.terminal import files, values

    path, now = options.output(target), datetime.now(UTC)
    options.require_one_result(path, as_json)
    with stores.connect(store) as connection:
        text = gauges.text(connection, now, telling.limits())
    replaces = force or _is_ours(path)
    with files.written(path, store.database, [".prom", ".txt"], force=replaces) as draft:
        draft.write_bytes(text)
        draft.chmod(path.stat().st_mode & 0o777 if path.exists() else _READABLE)
    if as_json:
        values.print_object({"path": target, "bytes": len(text)})


def _is_ours(path: Path) -> bool:
    """Whether a file is one that this command wrote: it may replace that as often as it likes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) in (_BEGINNING, b"")
    except OSError:
        return False
