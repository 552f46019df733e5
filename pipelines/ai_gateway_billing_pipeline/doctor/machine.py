"""What the doctor finds on this machine: the way to the API, the database, its folder, another destination."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from ai_gateway_billing.api.environment import route
from ai_gateway_billing.api.inputs import checked_base_url
from ai_gateway_billing.errors import BillingError, redact
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.database import holdings, read
from ai_gateway_billing_pipeline.loading import destinations, mixing, workspace
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from ai_gateway_billing_pipeline.settings import FILE, Settings

State = Literal["ok", "warn", "fail"]

_SPARE_BYTES = 100 * 2**20


class Check(NamedTuple):
    """One thing that was tried. `exit_code` is what a failure of it means for the command."""

    name: str
    state: State
    message: str
    account_id: str | None = None
    exit_code: int = 0


def failed(name: str, error: BillingError, account_id: str | None = None) -> Check:
    """The check that ended with this error."""
    message = " ".join([str(error), *getattr(error, "__notes__", [])])
    return Check(name, "fail", message, account_id, error.exit_code)


def network(settings: Settings) -> Check:
    """Proxy and certificates, as the environment names them."""
    try:
        return Check("network settings", "ok", route(checked_base_url(settings.base_url)).words())
    except BillingError as error:
        return failed("network settings", error)


def storage(settings: Settings, account_ids: Sequence[str]) -> Iterator[Check]:
    """Where a load of these accounts would write."""
    if settings.destination == FILE:
        yield from _files(settings.database.absolute(), account_ids)
    else:
        yield _destination(settings.destination)


def _files(path: Path, account_ids: Sequence[str]) -> Iterator[Check]:
    place = Workspace(path)
    yield _database(path, account_ids)
    folder = place.folder if place.folder.is_dir() else path.parent
    writable = _writable(next(parent for parent in (folder, *folder.parents) if parent.exists()), path)
    yield writable
    if writable.state != "fail":
        yield from _publishing(path)
    yield from _last_load(place.folder / "lock.json")


def _database(path: Path, account_ids: Sequence[str]) -> Check:
    """Whether it can be read, and whether a load of these accounts may go into it."""
    if not path.exists():
        return Check("database", "ok", f"{path} does not exist yet; the first load creates it")
    try:
        with read.connect(path) as database:
            held = holdings.accounts(database)
        if account_ids:  # else a load would end before it came to the database
            mixing.refuse_accounts(held, path, account_ids, is_demo=False)
    except BillingError as error:
        return failed("database", error)
    return Check("database", "ok", f"{path} can be read and contains {len(held)} account{'s' * (len(held) != 1)}")


def _publishing(path: Path) -> Iterator[Check]:
    try:
        warnings = workspace.rehearse(path)
    except BillingError as error:
        yield failed("publishing", error)
        return
    if warnings:
        yield Check("publishing", "warn", " ".join(warnings))
    else:
        yield Check("publishing", "ok", "a load can replace the file")


def _writable(folder: Path, published: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or "no reason given"
        advice = "Give this user write permission there, or choose another --database."
        message = f"{folder} cannot be written: {reason}. {advice}"
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
        yield Check("last load", "ok", f"running: {process}, since {since}")
    else:
        message = f"It was interrupted ({process}, since {since}). Nothing was published. Run it again."
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
        with destinations.opened(name) as destination, tempfile.TemporaryDirectory() as folder:
            pipeline = dlt.pipeline("doctor", pipelines_dir=folder, destination=destination, dataset_name=DATASET)
            with pipeline.destination_client() as client:
                client.is_storage_initialized()
    except BillingError as error:
        return failed("destination", error)
    except Exception as error:  # noqa: BLE001 - each destination has errors of its own
        message = f"{name} cannot be reached: {redact(str(error))} See dlt's page on this destination."
        return Check("destination", "fail", message, exit_code=1)
    return Check("destination", "warn", f"{name} answers. It {destinations.UNTESTED}")
