"""No command that writes a file destroys what is needed, and each file is there completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
import typer

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import cli
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.terminal import files
from support import raw_tables
from support.command import aig, start_aig

DATABASE = Path("billing.duckdb")


def link(make: Callable[[Path, Path], None], name: str, to: Path = DATABASE) -> Callable[[], str]:
    def made() -> str:
        make(to.resolve(), Path(name))
        return name

    return made


def folder_link() -> str:
    Path("other").symlink_to(Path.cwd())
    return "other/billing.duckdb"


def inside_the_loads_folder() -> str:
    Path("billing.duckdb.load").mkdir()
    return "billing.duckdb.load/lock"


# Each makes what it needs and gives the target.
PARTS: dict[str, Callable[[], str]] = {
    "itself": lambda: "billing.duckdb",
    "by another way": lambda: "./x/../billing.duckdb" if Path("x").mkdir() is None else "",
    "absolute": lambda: str(DATABASE.resolve()),
    "its log": lambda: "billing.duckdb.wal",
    "in other letters": lambda: "Billing.DuckDB",
    "its log in other letters": lambda: "BILLING.duckdb.WAL",
    "the load's folder": lambda: "billing.duckdb.load",
    "in the load's folder": inside_the_loads_folder,
    "symbolic link": link(lambda to, name: name.symlink_to(to), "spend.out"),
    "symbolic link to its log": link(lambda to, name: name.symlink_to(to), "log.out", Path("billing.duckdb.wal")),
    "hard link": link(lambda to, name: name.hardlink_to(to), "hard.out"),
    "through a linked folder": folder_link,
}


def writers() -> list[str]:
    """Every command that has an output."""
    found = []

    def walk(name: str, command: object) -> None:
        if any("--output" in parameter.opts for parameter in getattr(command, "params", [])):
            found.append(name)
        for child, inner in getattr(command, "commands", {}).items():
            walk(f"{name} {child}".strip(), inner)

    walk("", typer.main.get_command(cli.app))
    return [name for name in found if name != "report" or find_spec("altair")]


@pytest.fixture(autouse=True)
def database() -> None:
    duckdb.connect(str(DATABASE)).close()


@pytest.mark.parametrize("part", PARTS)
def test_the_database_is_never_written_over(part: str) -> None:
    target = PARTS[part]()
    before, there = DATABASE.read_bytes(), sorted(Path().rglob("*"))

    with (
        pytest.raises(SettingsError, match="--output") as refused,
        files.written(Path(target), DATABASE, [".csv"], force=True) as draft,
    ):
        draft.write_text("gone")

    assert refused.value.exit_code == 2
    assert DATABASE.read_bytes() == before
    assert sorted(Path().rglob("*")) == there


def test_nor_where_it_is_a_link_to_another_place() -> None:
    Path("data").mkdir()
    DATABASE.rename("data/real.duckdb")
    DATABASE.symlink_to("data/real.duckdb")

    for target in ("billing.duckdb", "data/real.duckdb", "data/real.duckdb.wal", "billing.duckdb.wal"):
        with pytest.raises(SettingsError), files.written(Path(target), DATABASE, [".csv"], force=True):
            pass


@pytest.mark.parametrize("command", writers())
@pytest.mark.parametrize(
    "target", ["billing.duckdb", "billing.duckdb.wal", "spend.docx", "spend.duckdb", "missing/spend"]
)
def test_every_command_with_an_output_goes_through_it(command: str, target: str) -> None:
    raw_tables.database(Path.cwd()).close()
    before = DATABASE.read_bytes()

    ran = aig(*command.split(), *["daily"] * (command == "export"), "--output", target, "--force")

    assert ran.code == 2, ran
    assert target in ran.err
    assert DATABASE.read_bytes() == before
    assert [path.name for path in Path().iterdir()] == [DATABASE.name]


@pytest.mark.parametrize("force", [False, True])
def test_what_exists_is_replaced_only_by_force(force: bool) -> None:
    target = Path("spend.csv")
    target.write_text("old")

    if force:
        with files.written(target, DATABASE, [".csv"], force=True) as draft:
            draft.write_text("new")
    else:
        with pytest.raises(SettingsError, match="--force"), files.written(target, DATABASE, [".csv"]):
            pass

    assert target.read_text() == ("new" if force else "old")


@pytest.mark.parametrize("name", ["spend.xlsx", "spend.html", "a.b.json", "spend.csv.gz", "spend.PARQUET"])
def test_an_ending_that_contradicts_the_format_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"Use \.csv"), files.written(Path(name), DATABASE, [".csv"]):
        pass


@pytest.mark.parametrize("name", ["spend", "spend.CSV", "spend.2026-11", ".csv"])
def test_no_ending_and_the_right_one_are_fine(name: str) -> None:
    with files.written(Path(name), DATABASE, [".csv"]) as draft:
        draft.write_text("x")

    assert Path(name).read_text() == "x"


def test_a_failure_leaves_the_old_file_and_nothing_else() -> None:
    Path("spend.csv").write_text("old")

    def fail_halfway() -> None:
        with files.written(Path("spend.csv"), DATABASE, [".csv"], force=True) as draft:
            draft.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()

    assert {path.name: path.read_bytes() for path in Path().glob("*spend*")} == {"spend.csv": b"old"}


def test_a_file_is_on_the_disk_before_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that loses its power just after the rename would otherwise have a file without content."""
    seen: list[tuple[str, int]] = []
    fsync, replace = os.fsync, os.replace

    def syncing(handle: int) -> None:
        seen.append(("synced", os.fstat(handle).st_ino))
        fsync(handle)

    def replacing(source: Path, target: Path) -> None:
        seen.append(("replaced", source.stat().st_ino))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    with files.written(Path("new.csv"), DATABASE, [".csv"]) as draft:
        draft.write_text("all of it")

    inode = Path("new.csv").stat().st_ino
    assert seen == [("synced", inode), ("replaced", inode)]


def test_a_link_to_another_file_stays_one() -> None:
    Path("real.csv").write_text("old")
    Path("spend.csv").symlink_to("real.csv")

    with files.written(Path("spend.csv"), DATABASE, [".csv"], force=True) as draft:
        draft.write_text("new")

    assert Path("spend.csv").is_symlink()
    assert Path("real.csv").read_text() == "new"


def test_a_dash_is_standard_output() -> None:
    with duckdb.connect(str(DATABASE)) as connection:
        views.apply(connection, "cents")

    process = start_aig("export", "focus", "--output", "-", "--format", "csv")
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert out.startswith("BilledCost,") or out.split(",")[0].isidentifier()
    assert out.count("\n") == 1
    assert aig("export", "focus", "--output", "-", "--json").code == 2


def test_what_is_no_regular_file_stays_what_it_is() -> None:
    os.mkfifo("pipe")

    with (
        pytest.raises(SettingsError, match="not a regular file"),
        files.written(Path("pipe"), DATABASE, [], force=True),
    ):
        pass

    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("target", ["missing/spend.csv", "x" * 300, "billing.duckdb/spend.csv"])
def test_a_place_that_cannot_be_written_is_told(target: str) -> None:
    with pytest.raises(SettingsError, match="--output"), files.written(Path(target), DATABASE, [".csv"]):
        pass
