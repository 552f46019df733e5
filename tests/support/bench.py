"""A pretend world, loads of it, and the comparison of every table with what the world says.

The comparison takes the world's own JSON and reads the published file with plain DuckDB: nothing of the code that
is tested takes part in it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import duckdb
import httpx
import pytest

from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import BASE_URL, ENDPOINTS
from ai_gateway_billing.simulator import Account, Simulator, World
from ai_gateway_billing.simulator.exact import encode
from ai_gateway_billing_pipeline.budgets import Budget
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.loading import load as loading
from ai_gateway_billing_pipeline.loading.load import Options
from ai_gateway_billing_pipeline.loading.result import Result
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from ai_gateway_billing_pipeline.settings import Settings
from support.clock import Clock
from support.constants import ACCOUNT, DAY, HOUR, NOW, TOKEN

WIDTH = {"hour": HOUR, "day": DAY}
USAGE = {"hour": "usage_hourly", "day": "usage_daily"}
SNAPSHOTS = {
    resource: endpoint.name
    for endpoint in ENDPOINTS
    for resource in endpoint.resources
    if resource not in (*USAGE.values(), "invoices")
}
TABLES = (*USAGE.values(), "usage_coverage", "invoices", *SNAPSHOTS)

Row = tuple[Any, ...]
Fields = dict[str, Any]


def moment(value: int | Decimal) -> datetime:
    """The API's times, whichever unit they come in."""
    seconds = value / 1000 if abs(value) >= 10**11 else value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 10**6))


def as_sent(value: Any) -> Any:
    """A value of the world as a reader of the JSON finds it, numbers exact, and without NUL, which no table keeps."""
    return _without_nul(json.loads(encode(value), parse_float=Decimal))


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nul(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nul(part) for part in value]
    return value.replace("\0", "") if isinstance(value, str) else value


STEPS = {"choose": (accounts, "choose"), "apply": (views, "apply"), "publish": (Workspace, "publish")}
"""Where a load may die: before it reads, with everything loaded but no views, and with everything but the last step."""


class Died(BaseException):
    """Stands for a process that ends at this very place."""


class Bench:
    """A world with its clock, and one database that is loaded from it.

    `now` is the loading machine's time, `server_now` the API's where that differs. `ahead`: a wrong clock.
    """

    def __init__(self, folder: Path, world: World | None = None, *, now: datetime = NOW, start: str = "2026-11-01"):
        self.world = world or World()
        self.now = now
        self.server_now: datetime | None = None
        self.ahead = timedelta()
        self.simulator = Simulator(self.world, lambda: self.true_now)
        self.database = folder / "billing.duckdb"
        self.start = start
        self.sensitive = False
        self.budgets: tuple[Budget, ...] = ()
        self.token = TOKEN
        self.attribution: dict[str, Any] = {}
        """Settings of attribution; none of them is off."""
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._version: tuple[int, int] | None = None

    @property
    def true_now(self) -> datetime:
        """The API's time, which decides what the world says."""
        return self.server_now or self.now

    @property
    def faults(self) -> Any:
        """The simulator's switches."""
        return self.simulator.faults

    def with_tables(self) -> Self:
        """The same, whose database has every table and view from the beginning, of attribution where that is on."""
        put_tables(self.database.parent, attribution=bool(self.attribution))
        return self

    def after(self, folder: Path) -> Self:
        """The same, whose database is as the loads of another bench have left it in this folder."""
        shutil.copytree(folder, self.database.parent, dirs_exist_ok=True)
        return self

    def account(self, account_id: str = ACCOUNT) -> Account:
        """A brand-new account that the token reads."""
        account = self.world.add_account(account_id)
        self.world.add_token(self.token)
        return account

    def client(self) -> Client:
        transport = httpx.MockTransport(self.simulator.handle)
        clock = Clock()
        return Client(self.token, transport=transport, sleep=clock.sleep, clock=clock.monotonic, budget=None)

    def load(
        self,
        accounts: Sequence[str] | str | None = "all",
        *,
        destination: str = "duckdb",
        shard: str | None = None,
        **options: Any,
    ) -> Result:
        """One load, as `Options` say."""
        settings = self.settings(accounts, destination, shard)
        with self.client() as client:
            return loading.load(settings, Options(**options), client, lambda: self.now + self.ahead)

    def settings(
        self, accounts: Sequence[str] | str | None = "all", destination: str = "duckdb", shard: str | None = None
    ) -> Settings:
        """Those of a load."""
        return Settings(
            api_token=self.token,
            accounts=accounts,
            base_url=BASE_URL,
            start=self.start,
            database=self.database,
            destination=destination,
            include_sensitive=self.sensitive,
            usage_unit="cents",
            budgets=self.budgets,
            shard=shard,
            **self.attribution,
        )

    def load_well(self, accounts: Sequence[str] | str | None = "all", **options: Any) -> Result:
        """A load in which nothing fails."""
        result = self.load(accounts, **options)
        assert result.exit_code == 0, {str(error) for error in result.outcomes.failures().values()}
        return result

    def die(self, step: str) -> None:
        """A load ends in one of `STEPS`; the published file stays as it is."""
        before = self.database.exists() and self.database.read_bytes()

        def end(*_: object) -> None:
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*STEPS[step], end)
            with contextlib.suppress(Died):
                self.load(list(self.world.accounts))
        assert (self.database.exists() and self.database.read_bytes()) == before

    @property
    def published(self) -> duckdb.DuckDBPyConnection:
        """The published file, opened anew whenever a load has replaced it."""
        stat = self.database.stat()
        version = (stat.st_ino, stat.st_mtime_ns)
        if version != self._version:
            self.close()
            self._connection = duckdb.connect(str(self.database), read_only=True)
            self._connection.execute("set timezone = 'UTC'")
            self._version = version
        assert self._connection
        return self._connection

    def close(self) -> None:
        if self._connection:
            self._connection.close()

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What a query on the published file gives, with `{raw}` for the raw tables' schema."""
        return self.published.execute(query.replace("{raw}", "ai_gateway_billing"), list(values)).fetchall()

    def has(self, table: str) -> bool:
        """Whether some load has read this resource yet."""
        query = "select count(*) from information_schema.tables where table_schema = $1 and table_name = $2"
        return self.database.exists() and bool(self.one(query, "ai_gateway_billing", table))

    def one(self, query: str, *values: Any) -> Any:
        """The one value of a query."""
        ((value,),) = self.rows(query, *values)
        return value

    # --- what the tables hold ------------------------------------------------------------------------------------

    def usage(self, grouping: str, account_id: str = ACCOUNT) -> list[Row]:
        """(start, end, id, value) of every bucket, in order."""
        if not self.has(USAGE[grouping]):
            return []
        query = (
            f"select start_time, end_time, id, aggregated_value from {{raw}}.{USAGE[grouping]} where account_id = $1"
        )
        return sorted(self.rows(query, account_id))

    def invoices(self, account_id: str = ACCOUNT) -> dict[str, Fields]:
        """Every invoice by id."""
        if not self.has("invoices"):
            return {}
        found = self.dicts("select * from {raw}.invoices where account_id = $1", account_id)
        rows = {row["id"]: row for row in found}
        assert len(rows) == len(found), "an invoice stands twice in the table"
        return rows

    def versions(self, table: str, account_id: str = ACCOUNT) -> list[Fields]:
        """Every version, oldest first, with children as lists; `is_open` for the current one."""
        if not self.has(table):
            return []
        query = f"select * from {{raw}}.{table} where account_id = $1 order by _dlt_valid_from"
        found = self.dicts(query, account_id, keep=True)
        if table == "invoice_preview":
            lines = self._adopt(found, f"{table}__invoice_lines", "invoice_lines")
            self._adopt(lines, f"{table}__invoice_lines__pretax_credit_amounts", "pretax_credit_amounts")
        for row in found:
            row["is_open"] = row["_dlt_valid_to"] is None
        for earlier, later in pairwise(found):
            assert earlier["_dlt_valid_to"], f"two open versions in {table}"
            assert earlier["_dlt_valid_to"] <= later["_dlt_valid_from"]
        return [_plain(row) for row in found]

    def _adopt(self, parents: list[Fields], table: str, name: str) -> list[Fields]:
        """Give each parent the list of its children; returns them all."""
        if not parents:
            return []
        query = f"select * from {{raw}}.{table} where _dlt_parent_id in (select unnest($1)) order by _dlt_list_idx"
        families: dict[str, list[Fields]] = {row["_dlt_id"]: [] for row in parents}
        account_ids = {row["_dlt_id"]: row["account_id"] for row in parents}
        for row in parents:  # a version that returns has the id and the children that it had before
            row[name] = families[row["_dlt_id"]]
        children = self.dicts(query, list(families), keep=True)
        for row in children:
            assert row["account_id"] == account_ids[row["_dlt_parent_id"]]
            families[row["_dlt_parent_id"]].append(row)
        return children

    def dicts(self, query: str, *values: Any, keep: bool = False) -> list[Fields]:
        cursor = self.published.execute(query.replace("{raw}", "ai_gateway_billing"), list(values))
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return rows if keep else [_plain(row) for row in rows]

    def coverage(self, grouping: str, account_id: str = ACCOUNT) -> dict[date, tuple[datetime, datetime]]:
        """Day -> (read until, read at)."""
        query = "select day, read_until, read_at from {raw}.usage_coverage where account_id = $1 and grouping = $2"
        found = self.rows(query, account_id, grouping)
        days = {day: (read_until, read_at) for day, read_until, read_at in found}
        assert len(days) == len(found)
        return days

    def everything(self) -> dict[str, list[Row]]:
        """Every raw table's rows, of dlt's columns only whether a version is open, to compare two databases."""
        found = self.rows(
            "select table_name from information_schema.tables where table_schema = 'ai_gateway_billing' "
            "and not starts_with(table_name, '_dlt') and table_name <> 'load_status'"
        )
        query = "select columns('^[^_]'){} from {{raw}}.{} order by all"
        is_open = dict.fromkeys(SNAPSHOTS, ", _dlt_valid_to is null")
        return {table: self.rows(query.format(is_open.get(table, ""), table)) for (table,) in found}

    # --- what the world says -------------------------------------------------------------------------------------

    def true_usage(self, grouping: str, account_id: str = ACCOUNT, since: datetime | None = None) -> list[Row]:
        """The world's buckets since the start of history."""
        first = since or datetime.fromisoformat(self.start).replace(tzinfo=UTC)
        return [row for row in usage_truth(self.world, account_id, grouping, self.true_now) if row[0] >= first]

    def true_invoices(self, account_id: str = ACCOUNT) -> list[Fields]:
        """The world's invoices, with times and names as the table has them."""
        return [invoice_row(item) for item in as_sent(self.world.truth_invoices(account_id, self.true_now))]

    def true_snapshot(self, table: str, account_id: str = ACCOUNT) -> Fields | None:
        """The world's answer in the table's shape; None: nothing there."""
        found = as_sent(self.world.truth(SNAPSHOTS[table], account_id, self.true_now))
        if found is None or found.get("invoice_lines") == []:
            return None
        return SHAPES[table](found)

    def assert_equals_world(self, *account_ids: str) -> None:
        """Every table says of these accounts (default all) what the world says, to the last digit, and no more."""
        for account_id in account_ids or tuple(self.world.accounts):
            for grouping in USAGE:
                same_rows(self.usage(grouping, account_id), self.true_usage(grouping, account_id))
            self.assert_invoices_equal(account_id)
            for table in SNAPSHOTS:
                self.assert_current(table, account_id)

    def assert_invoices_equal(self, account_id: str = ACCOUNT) -> None:
        """Every invoice that the API lists is there as it is listed; others were listed by an earlier load."""
        same_invoices(self.listed(account_id), self.true_invoices(account_id))

    def listed(self, account_id: str = ACCOUNT) -> list[Fields]:
        """The invoices that count as listed: those of the newest whole list, and those that came since."""
        found = self.invoices(account_id).values()
        newest = max((row["last_listed_at"] for row in found), default=None)
        return [row for row in found if row["last_listed_at"] == newest]

    def assert_current(self, table: str, account_id: str = ACCOUNT) -> None:
        """The one open version is what the API answers now; none is open when there is nothing."""
        current = [row for row in self.versions(table, account_id) if row.pop("is_open")]
        expected = self.true_snapshot(table, account_id)
        assert current == ([] if expected is None else [expected | {"account_id": account_id}]), table


def put_tables(folder: Path, *, attribution: bool = False) -> None:
    """Put `billing.duckdb` there with every table and view, empty, and dlt's folder: they are half of a first load."""
    shutil.copytree(_with_tables(attribution), folder, dirs_exist_ok=True)


@functools.cache
def _with_tables(attribution: bool) -> Path:
    """A folder with a database, and dlt's, as after the load of an account of which nothing is left."""
    folder = Path(tempfile.mkdtemp(dir=os.environ["SHARED_FOLDER"]))
    bench = Bench(folder, start=f"{NOW:%Y-%m-%d}")
    bench.attribution = {"attribution": attribution}
    bench.account("f" * 32)
    bench.load_well()
    tables = "select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing' and table_name[1] <> '_'"
    with duckdb.connect(str(bench.database)) as connection:
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(f"delete from ai_gateway_billing.{table}")
    return folder


def usage_truth(world: World, account_id: str, grouping: str, now: datetime) -> list[Row]:
    """(start, end, id, value) of every bucket of the world, in order."""
    return sorted(
        (moment(row["start_time"]), moment(row["end_time"]), row["id"], Decimal(row["aggregated_value"]))
        for row in as_sent(world.truth_usage(account_id, grouping, now))
    )


def same_rows(found: list[Row], expected: list[Row]) -> None:
    """Fails with what is missing and what is too much, not with two long lists."""
    if found == expected:
        return
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    raise AssertionError(f"missing: {missing[:5]}, surplus: {surplus[:5]}, rows: {len(found)} of {len(expected)}")


INVOICE_FIELDS = (
    "status", "currency", "amount_due", "amount_paid", "amount_remaining", "attempt_count", "attempted",
    "auto_advance", "created_by", "description", "invoice_origin",
)  # fmt: skip


def invoice_row(item: Fields) -> Fields:
    """An invoice of the API in the table's shape, but for what the load adds."""
    created = item.get("created")
    known = {name: item.get(name) for name in INVOICE_FIELDS}
    return {"id": item.get("id"), "created": None if created is None else moment(created), **known}


def same_invoices(found: Any, expected: list[Fields]) -> None:
    """The same invoices; one without id is known by what it is made of and has an id of ours."""
    by_identity = {_identity(item): item for item in reversed(expected)}
    rows = {_identity({**row, "id": None if row["has_surrogate_id"] else row["id"]}): row for row in found}
    assert rows.keys() == by_identity.keys()
    for key, row in rows.items():
        assert {name: row[name] for name in INVOICE_FIELDS} == {n: by_identity[key][n] for n in INVOICE_FIELDS}
        assert row["created"] == by_identity[key]["created"]


def _identity(item: Fields) -> tuple[Any, ...]:
    if item["id"]:
        return (item["id"],)
    return (item["created"], item["currency"], item["description"], item["amount_due"])


def _preview(found: Fields) -> Fields:
    lines = [_line(item) for item in found["invoice_lines"]]
    periods = {name: moment(found[name]) for name in ("period_start", "period_end")}
    return {**found, **periods, "invoice_lines": lines}


def _line(item: Fields) -> Fields:
    flat = {name: value for name, value in item.items() if name not in ("period", "pricing")}
    period = {f"period__{name}": moment(item["period"][name]) for name in ("start", "end")}
    price = {"pricing__unit_amount_decimal": item["pricing"]["unit_amount_decimal"]}
    credit = {"credit_balance_transaction": None, "discount": None}
    return {**flat, **period, **price, "pretax_credit_amounts": [
        credit | each for each in item.get("pretax_credit_amounts") or []
    ]}  # fmt: skip


def _topup(found: Fields) -> Fields:
    failed = found.get("lastFailedAt")
    return {
        "amount": found.get("amount"),
        "threshold": found.get("threshold"),
        "disabled_reason": found.get("disabledReason"),
        "error": found.get("error"),
        "last_failed_at": moment(failed) if failed else None,  # 0: never
    }


def _balance(found: Fields) -> Fields:
    names = ("balance", "first_topup_success", "has_default_payment_method")
    return {name: found.get(name) for name in names} | {
        f"topup_config__{name}": value for name, value in _topup(found["topup_config"]).items()
    }


def _limit(found: Fields) -> Fields:
    return {"enabled": found["enabled"]} | {f"config__{name}": value for name, value in found["config"].items()}


SHAPES = {"invoice_preview": _preview, "credit_balance": _balance, "topup_config": _topup, "spending_limit": _limit}


def _plain(value: Any) -> Any:
    """Without dlt's columns, the mark that is never stored, and the parent's account on children."""
    if isinstance(value, list):
        return [{n: _plain(v) for n, v in item.items() if n != "account_id" and n[:4] != "_dlt"} for item in value]
    if isinstance(value, dict):
        assert value.get("withdrawn") is None
        return {n: _plain(v) for n, v in value.items() if n[:4] != "_dlt" and n != "withdrawn"}
    return value
