"""The examples in deploy/ use commands, options and files that exist, and hold no secret."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from ai_gateway_billing_pipeline import cli

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())


def text(name: str) -> str:
    return (DEPLOY / name).read_text()


def without_comments(content: str) -> str:
    return "\n".join(line for line in content.splitlines() if not line.lstrip().startswith("#"))


def calls(content: str) -> list[list[str]]:
    """Each call of the command: its words up to where the shell ends it."""
    found = re.findall(r"aig-billing ((?:(?:load|check)\b[^|&>\n']*))", without_comments(content))
    return [shlex.split(call) for call in found]


@pytest.mark.parametrize("name", ["crontab", "aig-billing.service", "github-actions.yml"])
def test_every_call_names_a_command_and_options_that_exist(name: str) -> None:
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]

    assert calls(text(name))
    for command, *rest in calls(text(name)):
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_example_holds_a_secret(path: Path) -> None:
    for assignment in re.findall(r"CLOUDFLARE_API_TOKEN[=:]\s*(\S+)", without_comments(path.read_text())):
        assert assignment.startswith(('"$(cat', "${{"))


def test_the_crontab_has_five_fields_and_a_command_on_each_line() -> None:
    lines = [line for line in without_comments(text("crontab")).splitlines() if line and not line.startswith("MAILTO")]

    assert len(lines) == 2
    for line in lines:
        minute, hour, *rest, command = line.split(None, 5)
        assert minute.isdigit()
        assert re.fullmatch(r"\*|\d+", hour)
        assert rest == ["*", "*", "*"]
        assert command.startswith('cd "$HOME/billing" && ')
        assert "%" not in command  # cron makes line ends of them


def test_the_crontab_line_loads_into_the_folder_it_names(tmp_path: Path) -> None:
    """The line as cron runs it, with /bin/sh, but against the demo."""
    home = tmp_path / "billing"
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "aig-billing").symlink_to(Path(sys.executable).with_name("aig-billing"))
    (home / "token").write_text("a-token-that-is-not-used\n")
    lines = without_comments(text("crontab")).splitlines()
    line = next(line for line in lines if " load " in line).split(None, 5)[5]

    line = line.replace("aig-billing load", "aig-billing load --demo --start 2026-11-15")
    done = subprocess.run(["/bin/sh", "-c", line], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=False)

    assert done.returncode == 0
    assert (home / "billing.duckdb").exists()
    assert "a-token-that-is-not-used" not in (home / "load.log").read_text()


def test_the_units_are_well_formed_and_belong_together() -> None:
    service, timer = configparser.RawConfigParser(strict=False), configparser.RawConfigParser(strict=False)
    service.read_string(text("aig-billing.service"))
    timer.read_string(text("aig-billing.timer"))

    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["SuccessExitStatus"] == "4 6"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_finds_nothing_wrong_with_the_timer() -> None:
    done = subprocess.run(["systemd-analyze", "verify", DEPLOY / "aig-billing.timer"], capture_output=True, check=False)

    assert b"Failed" not in done.stderr


def test_the_workflow_keeps_the_published_file_and_nothing_else() -> None:
    workflow = yaml.safe_load(text("github-actions.yml"))

    steps = workflow["jobs"]["load"]["steps"]
    uploaded = next(step for step in steps if str(step.get("uses", "")).startswith("actions/upload-artifact"))
    assert uploaded["with"]["path"] == "billing.duckdb"
    assert workflow["concurrency"]["cancel-in-progress"] is False


def test_the_image_copies_only_what_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        word
        for line in text("Dockerfile").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]

    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)
    for pins in re.findall(r"-r (\S+)", text("Dockerfile")):
        assert (ROOT / pins).exists()


def test_the_image_runs_as_somebody_without_rights() -> None:
    assert re.search(r"^USER (?!root)", text("Dockerfile"), re.MULTILINE)
