"""Tries everything that a load needs, changes nothing, and says how to mend what does not work."""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ai_gateway_billing.api import accounts, endpoints
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import ApiError, BillingError, redact
from ai_gateway_billing.usage import windows
from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from ai_gateway_billing_pipeline.settings import Settings, client_for
from ai_gateway_billing_pipeline.terminal import output

State = Literal["ok", "warn", "fail"]

SKEW_LIMIT = timedelta(seconds=60)
EXPIRES_SOON = timedelta(days=14)
HOLD_LIMIT_S = 20.0
"""A load may wait a quarter of an hour for a limited API; whoever asks for a diagnosis is waiting for it."""
_SPARE_BYTES = 100 * 2**20
_WORST_FIRST = (2, 3, 6, 5, 4, 1)


class Check(NamedTuple):
    """One thing that was tried. `exit_code` is what a failure of it means for the command."""

    name: str
    state: State
    message: str
    account_id: str | None = None
    exit_code: int = 0


def run(settings: Settings, as_json: bool) -> int:
    """Try everything, print what was found, and return the exit code."""
    checks = list(examine(settings, lambda: datetime.now(UTC)))
    if as_json:
        worst = next(state for state in ("fail", "warn", "ok") if any(check.state == state for check in checks))
        output.print_object({"status": worst, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            whose = f" of {check.account_id}" if check.account_id else ""
            sys.stdout.write(f"{check.state:<5}{check.name}{whose}: {check.message}\n")
    return exit_code(checks)


def exit_code(checks: Sequence[Check]) -> int:
    """0 when nothing failed. Refusals and outages count as 4 when another endpoint answered."""
    answered = any(check.state == "ok" and check.account_id for check in checks)
    failed = {check.exit_code for check in checks if check.state == "fail"}
    codes = {4 if answered and code in (3, 6) else code for code in failed}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def examine(settings: Settings, now: Callable[[], datetime]) -> Iterator[Check]:
    """Every check, in the order in which a load would stumble."""
    try:
        client = client_for(settings)
    except BillingError as error:
        yield _failed("settings", error)
    else:
        client.hold_limit_s = HOLD_LIMIT_S
        with client:
            yield from _api(client, settings, now)
    if settings.destination == "duckdb":
        yield from _files(Workspace(settings.database.absolute()))
    else:
        yield _destination(settings.destination)
    yield _telemetry()


def _api(client: Client, settings: Settings, now: Callable[[], datetime]) -> Iterator[Check]:
    try:
        account_ids = accounts.choose(settings.accounts, client)
    except BillingError as error:
        yield _failed("accounts", error)
        account_ids = []
        if error.exit_code == 6:
            return
    token = _token(client, account_ids, now())
    yield token
    if token.exit_code == 6:
        return
    yield from _clock(client, now())
    for account_id in account_ids:
        yield from _endpoints(client, account_id, now())


def _token(client: Client, account_ids: Sequence[str], now: datetime) -> Check:
    """A user's token is known to the user form; one that belongs to an account to that account alone."""
    refusal: BillingError | None = None
    for account_id in (None, *account_ids):
        try:
            return _judged(client.verify_token(account_id), now)
        except BillingError as error:
            refusal = refusal or error
            if error.exit_code == 6:
                return _failed("token", error)
    return Check("token", "fail", f"Cloudflare does not know it: {refusal}", exit_code=3)


def _judged(verdict: dict[str, Any], now: datetime) -> Check:
    status, expires_on = verdict.get("status"), verdict.get("expires_on")
    if status != "active":
        message = f"It is {redact(str(status))}. Create another with the permission AI Gateway Read."
        return Check("token", "fail", message, exit_code=3)
    end = _moment(expires_on)
    if end and end - now < EXPIRES_SOON:
        return Check("token", "warn", f"It is active, but expires on {end:%Y-%m-%d}. Create its successor in time.")
    return Check("token", "ok", "active" + (f", expires on {end:%Y-%m-%d}" if end else ""))


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _clock(client: Client, now: datetime) -> Iterator[Check]:
    if client.server_time is None:
        return
    skew = now - client.server_time
    if abs(skew) <= SKEW_LIMIT:
        yield Check("clock", "ok", "agrees with the API's")
    else:
        way = "ahead of" if skew > timedelta() else "behind"
        seconds = abs(skew).total_seconds()
        yield Check("clock", "warn", f"It is {seconds:.0f} s {way} the API's. Let NTP set this machine's clock.")


def _endpoints(client: Client, account_id: str, now: datetime) -> Iterator[Check]:
    hour = windows.floor("hour", now)
    end, start = windows.epoch_ms(hour), windows.epoch_ms(hour - timedelta(days=1))
    special: dict[str, Callable[[], object]] = {
        endpoints.USAGE_HISTORY.name: lambda: client.usage_history(account_id, "hour", start, end),
        endpoints.INVOICE_HISTORY.name: lambda: client.invoice_history(account_id),
    }
    tries = {
        each.name: special.get(each.name) or partial(client.snapshot, each.resources[0], account_id)
        for each in endpoints.ENDPOINTS
    }
    for name, ask in tries.items():
        try:
            answer = ask()
        except ApiError as error:
            yield _failed(name, error, account_id)
        else:
            yield Check(name, "ok", "answers" if answer is not None else "answers that there is nothing", account_id)


def _failed(name: str, error: BillingError, account_id: str | None = None) -> Check:
    message = " ".join([str(error), *getattr(error, "__notes__", [])])
    return Check(name, "fail", message, account_id, error.exit_code)


def _files(workspace: Workspace) -> Iterator[Check]:
    yield _database(workspace.published)
    folder = workspace.folder if workspace.folder.is_dir() else workspace.published.parent
    yield _writable(next(parent for parent in (folder, *folder.parents) if parent.exists()), workspace.published)
    yield from _last_load(workspace.folder / "lock.json")


def _database(path: Path) -> Check:
    if not path.exists():
        return Check("database", "ok", f"{path} is not there yet; the first load makes it")
    try:
        with read.connect(path) as database:
            count = len({holding.account_id for holding in read.holdings(database)})
    except BillingError as error:
        return _failed("database", error)
    return Check("database", "ok", f"{path} can be read and holds {count} account{'s' if count != 1 else ''}")


def _writable(folder: Path, published: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"{folder} cannot be written: {reason}. Let this user write there, or choose another --database."
        return Check("folder", "fail", message, exit_code=1)
    size = published.stat().st_size if published.exists() else 0
    if free < 3 * size + _SPARE_BYTES:  # a load needs a copy to work on, and dlt's packages
        return Check("folder", "warn", f"{folder} has only {free // 2**20} MiB left. Make room before the next load.")
    return Check("folder", "ok", f"{folder} can be written")


def _last_load(holder: Path) -> Iterator[Check]:
    """A load removes the note on itself when it ends, unless something ended it."""
    try:
        who = json.loads(holder.read_text())
        pid, process, since = int(who["pid"]), f"process {who['pid']} on {who['host']}", who["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if who["host"] != socket.gethostname() or _is_alive(pid):
        yield Check("last load", "ok", f"under way: {process}, since {since}")
    else:
        message = f"It was stopped or died ({process}, since {since}). Nothing of it was published; run it again."
        yield Check("last load", "warn", message)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _destination(name: str) -> Check:
    import dlt

    try:
        with tempfile.TemporaryDirectory() as folder:
            pipeline = dlt.pipeline("doctor", pipelines_dir=folder, destination=name, dataset_name=read.SCHEMA)
            with pipeline.destination_client() as client:
                client.is_storage_initialized()
    except Exception as error:  # noqa: BLE001 - each destination has errors of its own
        message = f"{name} cannot be reached: {redact(str(error))} See dlt's page on this destination."
        return Check("destination", "fail", message, exit_code=1)
    return Check("destination", "ok", f"{name} answers")


def _telemetry() -> Check:
    if os.environ.get("RUNTIME__DLTHUB_TELEMETRY", "false").lower() in ("false", "0", "no", "off", ""):
        return Check("dlt telemetry", "ok", "off")
    message = "It is on, because RUNTIME__DLTHUB_TELEMETRY says so. Remove that variable and it is off."
    return Check("dlt telemetry", "warn", message)
