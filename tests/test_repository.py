"""What must never stand in a file of this repository, and what must."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from support.constants import ROOT
from support.project import LOCKS, files, pins, pyproject, text

# Each pattern is spelled so that it does not match its own line.
FORBIDDEN = {
    "a registry's host": r"pypi\.org|python[h]osted|npmjs\.(?:org|com)|registry\.npm|deb\.debian\.org",
    "a path of someone's machine": r"(?<![\w.])/(?:[h]ome|[r]oot|[U]sers|[w]ork)/|[A-Z]:\\[U]sers\\",
    "a bearer token": r"[B]earer [A-Za-z0-9_-]{30,}",
    "a Cloudflare token of the newer form": r"\b[c]f(?:ut|at|k)_[A-Za-z0-9]{30,}",
    "a token of another service": r"\b(?:[g]h[pousr]_[A-Za-z0-9]{30,}|[s]k_live_\w{10,}|[A]KIA[0-9A-Z]{16})",
    "a private key": r"-----[B]EGIN [A-Z ]*PRIVATE KEY",
    "a link that opens an invoice": r"invoice\.stripe\.com/i/acct_|pay\.stripe\.com/invoice/acct_",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])

    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        for number, line in enumerate(text(path).splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a registry's host", "--index-url https://py" + "pi.org/simple"),
        ("a path of someone's machine", "see /ho" + "me/kim/billing"),
        ("a bearer token", "authorization: Bea" + "rer " + "x" * 40),
        ("a link that opens an invoice", "https://invoice." + "stripe.com/i/acct_1/live"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)


def test_secrets_and_databases_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    private = [".dlt/secrets.toml", "billing.duckdb", "billing.duckdb.load/work.duckdb", ".env"]

    ignored = subprocess.run(
        ["git", "check-ignore", *private], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.splitlines()

    assert ignored == private


def test_the_example_of_secrets_holds_no_value() -> None:
    example = tomllib.loads((ROOT / ".dlt/secrets.example.toml").read_text())

    assert example == {"sources": {"ai_gateway_billing": {"api_token": ""}}}


def test_dlt_sends_no_telemetry() -> None:
    config = tomllib.loads((ROOT / ".dlt/config.toml").read_text())

    assert config["runtime"]["dlthub_telemetry"] is False


# --- what is installed, and what runs --------------------------------------------------------------------------------

INSTALL = re.compile(
    r"\b(?:pip3?|pipx|uv pip|uv tool) (?:install|run|download)\b([^\n`|;&]*)|\b(?:uvx|uv add|poetry add)\b([^\n`|;&]*)"
)
WITH_A_VALUE = {
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-t",
    "--target",
    "-i",
    "--index-url",
    "-f",
    "--find-links",
}
REGISTERED = {"harlequin", "mcp-server-motherduck", "py-spy"}  # and all that is pinned


def installed_names(line: str) -> Iterator[str]:
    """The names that a command line asks a registry for: no options, no paths."""
    for told in INSTALL.findall(line):
        words = iter(shlex.split(" ".join(told).replace("'", "").replace('"', "").replace("\\", "")))
        for word in words:
            if word in WITH_A_VALUE:
                next(words, None)
            elif not word.startswith(("-", ".", "/", "$", "{")) and not word.endswith((".whl", ".tar.gz")):
                try:
                    yield canonicalize_name(Requirement(word).name)
                except InvalidRequirement:
                    return  # the sentence around a command


def test_nothing_is_installed_by_a_name_that_nobody_has_registered() -> None:
    """Whoever registers it gets the tokens of those who follow. This project itself is installed from a checkout."""
    known = REGISTERED | {canonicalize_name(pin.name) for lock in LOCKS for pin in pins(text(lock))}

    found = [
        f"{path.relative_to(ROOT)}:{number}: {name}"
        for path in files()
        if not path.name.startswith("test_")
        for number, line in enumerate(text(path).splitlines(), 1)
        for name in installed_names(line)
        if name not in known
    ]

    assert found == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("      - run: pip INSTALL cloudflare-ai-gateway-billing", ["cloudflare-ai-gateway-billing"]),
        ("pip INSTALL 'cloudflare_ai_gateway_billing[report]>=1' duckdb", ["cloudflare-ai-gateway-billing", "duckdb"]),
        ("pipx INSTALL aig-billing", ["aig-billing"]),
        ("uvx aig-billing load", ["aig-billing", "load"]),
        ("python -m pip INSTALL -qq --no-compile --require-hashes -r requirements/pip.txt", []),
        ("pip INSTALL '.[report]' && aig-billing report", []),
        ("pip INSTALL -e . wheels/x.whl /path/to/checkout $HOME/checkout", []),
    ],
)
def test_names_are_told_from_paths(line: str, names: list[str]) -> None:
    assert list(installed_names(line.replace("INSTALL", "install"))) == names


def test_every_action_is_pinned_by_commit() -> None:
    """A tag can be moved to other code; its name stands beside the commit for people."""
    uses = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files()
        if path.suffix in {".yml", ".yaml"}
        for number, line in enumerate(text(path).splitlines(), 1)
        if re.match(r"\s*(?:- )?uses:", line)
    ]

    assert [use for use in uses if not re.search(r" [\w.-]+/[\w./-]+@[0-9a-f]{40} # v[\d.]+$", use)] == []
    assert {use.split(":")[0] for use in uses} >= {".github/workflows/ci.yml", "deploy/github-actions.yml"}


def test_ci_runs_the_readmes_commands_in_a_fresh_copy() -> None:
    (readme,) = re.findall(r"```sh\n((?:make \w+ .*\n)+)```", text(ROOT / "README.md"))
    commands = re.findall(r"^make \w+", readme, re.MULTILINE)
    steps = re.findall(r'^step ".*?" && (.*)', text(ROOT / ".ci" / "run"), re.MULTILINE)

    assert len(commands) == 2
    assert steps[0] == "go_to_a_fresh_copy"
    assert [command for command in commands if not any(step.startswith(command) for step in steps[1:])] == []
    assert [step for step in steps if re.search("&&|;", step)] == [], "bash lets all but the last of several fail"


# --- what people look for --------------------------------------------------------------------------------------------


def test_the_warning_about_cards_comes_first() -> None:
    assert text(ROOT / "SECURITY.md").split("\n\n")[1].startswith("**This program can charge cards.**")


FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=lambda form: form.name)
def test_an_issue_form_is_one_that_can_be_filled_in(form: Path) -> None:
    """In the shape that GitHub asks for; it leaves a form out without a word when it is not."""
    told = yaml.safe_load(text(form))
    fields = [field for field in told["body"] if field["type"] != "markdown"]

    assert {"name", "description", "body"} <= set(told)
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert all(isinstance(option, str) for field in fields for option in field["attributes"].get("options", []))
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_whoever_reports_a_fault_is_told_to_leave_secrets_out() -> None:
    assert "Leave out tokens" in text(ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml")


def test_the_metadata_holds_no_address_until_there_is_one() -> None:
    """An invented one could be registered by anybody."""
    assert "urls" not in pyproject()["project"]
