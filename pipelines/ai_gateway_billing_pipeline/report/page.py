"""One HTML file that shows spend at a glance: the notebook's sections, the chart library inside, nothing fetched.

The page may lie on a web server or in a mail. Its policy forbids every request, light, dark and print are its style
sheet's matter, and texts from the API are escaped wherever they stand.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import scope, stores
from ai_gateway_billing_pipeline.database.scope import Days
from ai_gateway_billing_pipeline.settings import Store
from ai_gateway_billing_pipeline.terminal.values import cut, to_json

from . import formats, questions, sections
from .drawing import STYLED, Figure
from .sections import Table


class Written(NamedTuple):
    """What a report became. `bytes` is the size of the file."""

    path: Path
    accounts: Sequence[str]
    bytes: int


def write(store: Store, path: Path, days: Days, named: Sequence[str] = ()) -> Written:
    """Write the report on the accounts of these ids, names or aliases, or on all, in the order of `questions.accounts`.

    Raises `SettingsError` for an account that is not in the database or a path that cannot be written, and what
    `stores.connect` raises.
    """
    with stores.connect(store) as connection:
        known = questions.accounts(connection)
        wanted = {account.id for account in scope.scope(connection, scope.Asked(named)).accounts}
        chosen = [account for account in known if account in wanted]
        content = page(connection, chosen, days)
    try:
        path.write_text(content, "utf-8")
    except OSError as error:
        raise SettingsError(f"--output {path} cannot be written: {error.strerror}.") from error
    return Written(path, chosen, path.stat().st_size)


def page(connection: duckdb.DuckDBPyConnection, accounts: Sequence[str], days: Days) -> str:
    """The whole page."""
    specs: dict[str, Any] = {}
    bodies = [_account(connection, account, days, specs, len(accounts) > 1) for account in accounts]
    if len(accounts) > 1:
        overview = as_section("All accounts", "overview", sections.overview(connection, accounts))
        bodies.insert(0, f'<main class="account">{overview}</main>')
    if not bodies:
        bodies = ["<p class='empty'>No account has been loaded yet: run <code>aig-billing load</code>.</p>"]
    return Template(_file("page.html")).substitute(
        title="AI Gateway spend",
        range=escape(_range(days)),
        style=_file("page.css"),
        body="\n".join(bodies),
        specs=in_script(specs),
        library=_library(),
        script=_file("page.js"),
    )


def _account(
    connection: duckdb.DuckDBPyConnection, account: str, days: Days, specs: dict[str, Any], is_one_of_many: bool
) -> str:
    row = questions.runway(connection, account)
    as_of = "" if row is None else f"as of {formats.day_name(row['as_of'])}, {row['as_of']:%H:%M} UTC"
    parts = []
    for topic, section in sections.SECTIONS.items():
        place = f"figure-{len(specs) + 1}"
        shown = section(connection, account, days)
        if isinstance(shown, Figure) and shown.chart is not None:
            specs[place] = _responsive(shown.spec(STYLED, titled=False))
        parts.append(as_section(topic, place, shown))
    name = questions.name(connection, account)
    called = "" if name is None else f"<strong>{escape(cut(name, 60))}</strong> "
    head = f'<header class="account"><p>Account {called}<code>{escape(account)}</code> {as_of}</p></header>'
    kind = "account page-break" if is_one_of_many else "account"
    return f'<main class="{kind}">{head}\n' + "\n".join(parts) + "\n</main>"


def as_section(topic: str, place: str, shown: Figure | Table) -> str:
    """A figure or table as HTML under its topic, every text of it escaped."""
    opening = f'<section class="{_slug(topic)}"><p class="topic">{escape(topic)}</p>'
    if isinstance(shown, Table):
        inner = f'<div class="scroll">{shown.html()}</div>'
    elif shown.chart is None:
        return f'{opening}<p class="empty">{escape(shown.note)}</p></section>'
    else:
        inner = f'<div class="chart" id="{place}" role="img" aria-label="{escape(shown.title)}"></div>'
    return f'{opening}<h2>{escape(shown.title)}</h2><p class="note">{escape(shown.note)}</p>{inner}</section>'


def _responsive(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _range(days: Days) -> str:
    if days.first and days.last:
        return f"{formats.day_name(days.first)} to {formats.day_name(days.last)}, UTC days, both included"
    if days.first:
        return f"since {formats.day_name(days.first)}, UTC days"
    if days.last:
        return f"until {formats.day_name(days.last)}, UTC days, included"
    return "the newest days and months, UTC"


def _slug(topic: str) -> str:
    return topic.lower().replace(" ", "-")


def in_script(value: Mapping[str, Any]) -> str:
    """JSON that no text in it can end the script element of."""
    return to_json(value).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed, of the version that Altair writes for."""
    import altair as alt  # noqa: PLC0415 - only its version is asked for, and only here
    import vl_convert  # noqa: PLC0415

    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    bundle: Callable[..., str] = vl_convert.javascript_bundle  # its stub wants an argument that it does not need
    return bundle(vl_version=version).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
