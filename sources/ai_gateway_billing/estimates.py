"""The dlt resources of attribution: estimates of the analytics hour by hour, and gateways. Apart from billed money."""

import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from ai_gateway_billing.api.analytics import Offer
from ai_gateway_billing.attribution import hours
from ai_gateway_billing.attribution.reading import TAGS, USAGE, Found, HourReader
from ai_gateway_billing.attribution.tags import Tags
from ai_gateway_billing.rows import arrow, identity, records, unknown, versions
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing.rows.versions import hints
from ai_gateway_billing.usage import windows

from .errors import ApiError, BadRequestError, InvalidAnswerError, RecordError, ServerError
from .extraction import OTHERS_BEGIN, Extraction, Runs
from .merging import VERSIONS, date_versions, is_made, markers_go
from .outcome import Part, Rejected

NO_METADATA = "the analytics of this account offer no metadata of requests"

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What attribution reads by: `tags`, keys of the requests' metadata, of whose values it may keep hashes alone."""

    tags: Sequence[str] = ()
    hashes_tags: bool = False


def estimates(runs: Runs, wanted: Wanted) -> Sequence[DltResource]:
    """All resources of attribution. They are read together with those of billing, in the same run."""

    @dlt.resource(name=USAGE, write_disposition="merge", columns=hints(TABLES[USAGE]))
    def gateway_usage_hourly() -> Iterator[Any]:
        """One row per account, UTC hour, gateway, provider, model and wholesale. A re-read hour is replaced."""
        yield from _hourly(runs.of(USAGE), USAGE)

    @dlt.resource(name=TAGS, write_disposition="merge", columns=hints(TABLES[TAGS]))
    def gateway_usage_tags_hourly() -> Iterator[Any]:
        """The same for each tag that the settings name, and each of its values. Empty without such tags."""
        yield from _hourly(runs.of(TAGS), TAGS, wanted)

    @dlt.resource(name="gateway_usage_gaps", write_disposition="merge", columns=hints(TABLES["gateway_usage_gaps"]))
    def gateway_usage_gaps() -> Iterator[Any]:
        """One row per account, table and stretch of hours that no load read in time."""
        run = runs.of("gateway_usage_gaps")
        yield None  # dlt turns to the others, which then say that they are under way
        while run.estimates_under_way:
            yield None
        columns = TABLES["gateway_usage_gaps"]
        yield from arrow.worth_loading(
            [arrow.table(run.gaps, columns)], columns, is_made("gateway_usage_gaps", columns)
        )

    @dlt.resource(
        name="gateways",
        write_disposition=VERSIONS,
        file_format="parquet",
        columns=hints(TABLES["gateways"]),
        nested_hints=versions.nested_hints("gateways"),
    )
    def gateways() -> Iterator[Any]:
        """One row per account, gateway and version of its settings, with its spend limits."""
        yield from _gateways(runs.of("gateways"))

    return gateway_usage_hourly, gateway_usage_tags_hourly, gateway_usage_gaps, gateways


# --- hours ----------------------------------------------------------------------------------------------------------


def _hourly(run: Extraction, table: str, wanted: Wanted | None = None) -> Iterator[Any]:
    run.estimates_under_way.add(table)
    try:
        is_asked = wanted is None or bool(wanted.tags)
        tables = _hour_tables(run, table, wanted) if is_asked else ()
        yield OTHERS_BEGIN
        yield from arrow.worth_loading(tables, TABLES[table], is_made(table, TABLES[table]))
    finally:
        run.estimates_under_way.discard(table)


def _hour_tables(run: Extraction, table: str, wanted: Wanted | None) -> Iterator[pa.Table]:
    state = dlt.current.resource_state()
    tags = _tags(state, wanted) if wanted else None
    cursors: dict[str, dict[str, Any]] = state.setdefault("accounts", {})
    known = {account_id: dict(cursors.get(account_id, {})) for account_id in run.account_ids}  # for other threads
    markers = markers_go()

    def ask(account_id: str) -> Found | None:
        return _read(run, run.reading(account_id), known[account_id], tags)

    def make(account_id: str, found: Found | None) -> Part:
        if found is None:
            return Part(skipped=NO_METADATA)
        lost = _lost(account_id, found, known[account_id])
        if lost or not found.hours:
            return Part(error=lost or found.error, rejected=found.rejected)
        return Part(found, {table: len(found.rows)}, found.rejected, error=found.error)

    def taken(account_id: str, found: Found) -> pa.Table:
        _note(run, table, account_id, cursors.setdefault(account_id, {}), found)
        return _table(table, account_id, found, markers)

    jobs = {account_id: [partial(ask, account_id)] for account_id in run.account_ids}
    each = run.each(table, jobs, make)
    return (taken(account_id, found) for account_id, found in each if found is not None)


def _read(run: Extraction, reading: Reading, cursor: dict[str, Any], tags: Tags | None) -> Found | None:
    """Everything that is due of one account; None where its requests have no metadata."""
    offer = _offer(run, reading.account_id, cursor)
    if "datetimeHour" not in offer.fields:
        raise InvalidAnswerError(
            f"The analytics of account {reading.account_id} do not offer `datetimeHour`, so no hour can be read.",
            path="graphql",
            account_id=reading.account_id,
        )
    if tags and "metadataRaw" not in offer.fields:
        return None
    plan = hours.plan(_moment(cursor.get("read_until")), run.extent, offer.kept_s)
    return HourReader(run.client.analytics, reading, offer, tags).read(plan)


def _offer(run: Extraction, account_id: str, cursor: dict[str, Any]) -> Offer:
    """What may be asked: as told now; as told by an earlier load, where it cannot be told and that does not matter."""
    try:
        return run.client.analytics.offer(account_id)
    except (BadRequestError, InvalidAnswerError, ServerError):
        if "offer" not in cursor:
            raise
        return Offer(*cursor["offer"])


def _lost(account_id: str, found: Found, cursor: dict[str, Any]) -> ApiError | None:
    """No rows at all for hours that had some is what a token that has lost a permission gets: they stay."""
    newest = _moment(cursor.get("newest_row"))
    if found.error or found.rows or newest is None or newest < found.plan.reach.start:
        return None
    return InvalidAnswerError(
        f"The analytics gave no row of account {account_id} for hours that had some before. The token may have lost "
        'the permission "AI Gateway Read": see `aig-billing doctor --with attribution`. The stored rows stay.',
        path="graphql",
        account_id=account_id,
    )


def _note(run: Extraction, table: str, account_id: str, cursor: dict[str, Any], found: Found) -> None:
    """Move the account's cursor on, and write down the hours that can no longer be read."""
    if run.extent.backfill:
        return
    if found.plan.gap:
        gap = {"gap_start": found.plan.gap.start, "gap_end": found.plan.gap.end, "noticed_at": run.extent.now}
        run.gaps.append({"account_id": account_id, "resource": table, **gap})
        log.warning(
            "%s of account %s lacks the hours from %s to %s (UTC), and the analytics no longer have them. Load more "
            "often: they keep 31 days.",
            table,
            account_id,
            f"{found.plan.gap.start:%Y-%m-%d %H:%M}",
            f"{found.plan.gap.end:%Y-%m-%d %H:%M}",
        )
    read_until = min(found.read_until, windows.floor("hour", run.seen_until()))
    cursor["read_until"] = max(read_until, _moment(cursor.get("read_until")) or read_until).isoformat()
    cursor["offer"] = [list(found.offer.fields), *found.offer[1:]]
    if found.rows:
        cursor["newest_row"] = max(row["hour"] for row in found.rows).isoformat()


def _table(table: str, account_id: str, found: Found, markers: bool) -> pa.Table:
    """The rows, and a marker for each hour without any, which takes out what it had before."""
    filled = {row["hour"] for row in found.rows}
    blank = dict.fromkeys((name for name, hint in TABLES[table].items() if hint["data_type"] == "text"), "")
    empty: Row = {**blank, "account_id": account_id, "requests": 0, "is_hashed": False, "withdrawn": True}
    silent = [{**empty, "hour": hour} for hour in found.hours if hour not in filled] if markers else []
    return arrow.table(found.rows + silent, TABLES[table])


def _tags(state: dict[str, Any], wanted: Wanted) -> Tags:
    """The tags; with others than before, all hours that there are count as unread."""
    chosen = [*wanted.tags, wanted.hashes_tags]
    if state.get("chosen") != chosen:
        state["chosen"], state["accounts"] = chosen, {}
    if wanted.hashes_tags and "key" not in state:
        state["key"] = secrets.token_hex(16)
    return Tags(wanted.tags, state["key"] if wanted.hashes_tags else "")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


# --- gateways -------------------------------------------------------------------------------------------------------


def _gateways(run: Extraction) -> Iterator[Any]:
    markers = markers_go()

    def make(account_id: str, listed: list[dict[str, Any]]) -> Part:
        reading = run.reading(account_id)
        rows, refused = _gateway_rows(listed, reading)
        marker = [versions.withdrawn(account_id, "gateways", reading.now)] if markers else []
        items = [identity.identified("gateways", row) if markers else row for row in rows]
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(versions.row_counts("gateways", row))
        return Part(rejected=refused) if refused else Part([*marker, *items], counts, told=reading.unreadable())

    if markers:
        date_versions(run)
    jobs = {account_id: [partial(run.client.analytics.gateways, account_id)] for account_id in run.account_ids}
    contents = (content for _, content in run.each("gateways", jobs, make) if content is not None)
    yield OTHERS_BEGIN
    yield from versions.batches(item for content in contents for item in content)
    yield dlt.mark.materialize_table_schema()  # last, so that `add_limit(1)` gives a row


def _gateway_rows(listed: Sequence[Any], reading: Reading) -> tuple[list[Row], list[Rejected]]:
    rows, refused = [], []
    for each in listed:
        try:
            rows.append(records.row("gateways", each, reading))
        except RecordError as error:
            refused.append(unknown.rejected(error, each))
    return rows, refused
