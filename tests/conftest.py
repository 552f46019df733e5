"""What every test has: nothing of this machine's settings, a home of its own, and no network but loopback."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ai_gateway_billing.api import retries
from support import recording
from support.clock import Clock
from support.constants import NOW, ROOT, ZONE
from support.places import Places, contents

pytest_plugins = ["support.stores"]

QUICK_S = retries.QUICK_S
OURS = ("AIG_BILLING_", "CLOUDFLARE_", "DLT_")
SHELL = {
    "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "CI", "CLICOLOR", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM",
}  # fmt: skip

# Shared cores make deadlines flaky, and a failure must come again: the examples follow from the test alone.
hypothesis.settings.register_profile(
    "project",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("project"), max_examples=30)


def pytest_configure(config: pytest.Config) -> None:
    """Fewer examples where the thorough tests are left out: a test that sets its own number takes a share of these."""
    hypothesis.settings.load_profile("quick" if "not thorough" in config.option.markexpr else "project")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for no garbage among the thousands of tests and all that they import."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def _is_setting(name: str) -> bool:
    """Does the program, dlt (by `SECTION__KEY`) or the terminal's width and colour hang on this variable?"""
    return name.startswith(OURS) or "__" in name.strip("_") or name.upper() in SHELL


def _settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder as a user with an empty home, without any setting."""
    for name in [name for name in os.environ if _is_setting(name)]:
        monkeypatch.delenv(name)
    for name, place in {
        "HOME": "home",
        "XDG_CACHE_HOME": "home/.cache",
        "XDG_CONFIG_HOME": "home/.config",
        "XDG_DATA_HOME": "home/.local/share",
        "DLT_DATA_DIR": "dlt",
    }.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(folder / place))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    (folder / "work").mkdir(exist_ok=True)
    monkeypatch.chdir(folder / "work")
    _forget_logging()
    _forget_dlt()


def _forget_logging() -> None:
    """Conceal no word that an earlier test of this process gave for a token, and be as loud as at the beginning."""
    if logs := sys.modules.get("ai_gateway_billing_pipeline.terminal.logs"):
        logs._secrets.clear()  # noqa: SLF001 - nobody but tests has two users in one process
        logs.set_up(logs.Level.WARNING)


def _forget_dlt() -> None:
    """Drop what dlt read of its files, and its active pipeline; free for tests without dlt.

    dlt would read its settings anew whenever `configuration.only` gives its context back: there must be none yet.
    """
    if "dlt" not in sys.modules:
        return
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs import PluggableRunContext
    from dlt.common.pipeline import PipelineContext

    container = Container()
    if PipelineContext in container:
        container[PipelineContext].deactivate()
    if PluggableRunContext in container:
        del container[PluggableRunContext]


@pytest.fixture(scope="session", autouse=True)
def clean_session(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    """The same shelter for fixtures that outlive one test, such as a database loaded once per module."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    own = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as monkeypatch:
        _settle(tmp_path_factory.mktemp("session"), monkeypatch)
        # Where a run's processes find what is made once for all of them.
        monkeypatch.setenv("SHARED_FOLDER", str(own if worker_id == "master" else own.parent))
        yield


@pytest.fixture(scope="session")
def empty_folders(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("places"))


@pytest.fixture(autouse=True)
def clean_environment(clean_session: None, empty_folders: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins in an empty folder, apart from its `tmp_path`, which stays empty."""
    folder = empty_folders.take()
    _settle(folder, monkeypatch)
    before = contents(folder)
    yield
    _forget_dlt()
    empty_folders.give_back(folder, before)


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go out as to Cloudflare, several at once, and not one by one as to a machine next door."""
    monkeypatch.setattr(retries, "QUICK_S", 0.0)


@pytest.fixture
def next_door(far_away: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one all the same, once an answer came."""
    monkeypatch.setattr(retries, "QUICK_S", QUICK_S)


@pytest.fixture
def now() -> datetime:
    """A Sunday, half past ten: within a running hour, a running day and a running month."""
    return NOW


@pytest.fixture
def clock() -> Clock:
    """A clock at `now` to hand to whatever takes `sleep`, `clock` or `now`."""
    return Clock()


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """Cassettes lie apart from the tests: cassettes/<test module>/<test>.yaml."""
    return str(ROOT / "cassettes" / request.path.stem)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Cassettes hold what the API said, readable, and nothing that says who asked."""
    return {
        "decode_compressed_response": True,
        "before_record_request": recording.scrub_request,
        "before_record_response": recording.scrub_response,
        "match_on": ["method", "scheme", "host", "port", "path", "query"],
    }
