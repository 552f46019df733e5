"""The examples in deploy/ use what exists, hold no secret, and tell when somebody should look."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from ai_gateway_billing_pipeline import cli
from ai_gateway_billing_pipeline.commands import telling
from ai_gateway_billing_pipeline.database import checks, read
from support.bench import Bench
from support.constants import HOUR, NOW, ROOT
from support.samples import fill

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
UNITS = sorted(path for path in FILES if path.suffix in {".service", ".timer"})
AIG = Path(sys.executable).with_name("aig-billing")
CALL = re.compile(r"aig-billing ((?:load|check|backfill|status|report|export|metrics)\b[^|&>\n'#;`]*)")


def text(name: str) -> str:
    return (DEPLOY / name).read_text()


def without_comments(content: str) -> str:
    return "\n".join(line for line in content.splitlines() if not line.lstrip().startswith("#"))


def calls(path: Path) -> list[list[str]]:
    """Each call of the command, in comments too: its words up to where the shell ends it."""
    content = path.read_text()
    found = [shlex.split(call) for call in CALL.findall(content)]
    return found + [json.loads(words) for words in re.findall(r"^CMD (\[.*\])", content, re.MULTILINE)]


CALLERS = [path for path in FILES if calls(path)]


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: path.name)
def test_every_call_names_a_command_and_options_that_exist(path: Path) -> None:
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]

    for command, *rest in calls(path):
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known


def test_every_way_of_running_it_loads_and_checks() -> None:
    found = {path.name: {command for command, *_ in calls(path)} for path in CALLERS}

    assert found["crontab"] - {"metrics"} == found["github-actions.yml"] == found["Dockerfile"] == {"load", "check"}
    assert found["aig-billing.service"] == {"load"}
    assert found["aig-billing-check.service"] == {"check"}
    assert found["aig-billing-metrics.service"] == {"metrics"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_example_holds_a_secret(path: Path) -> None:
    for assignment in re.findall(r"CLOUDFLARE_API_TOKEN[=:]\s*(.*)", without_comments(path.read_text())):
        assert assignment.startswith("${{ secrets.")


# --- what goes on failing is told ------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, start="2026-11-20").with_tables()
    fill(bench.account())
    bench.load_well()
    yield bench
    bench.close()


def check(bench: Bench, stale_after: int) -> int:
    """The exit code of the check that the examples run once a day, as far as age goes."""
    with read.connect(bench.database) as connection:
        found = checks.findings(connection, bench.now, checks.Limits(stale_after))
        return checks.exit_code([each for each in found if each.check in ("stale_data", "stopped_schedule")])


def environment(path: Path) -> dict[str, str]:
    """The variables that an example sets for all that it runs."""
    found = re.findall(r"^(?:Environment=)?(AIG_BILLING_\w+)=(.*)$", path.read_text(), re.MULTILINE)
    return dict(found)


def stale_after() -> int:
    """The hours that the examples give, for a load every hour."""
    (limit,) = {int(environment(DEPLOY / name)["AIG_BILLING_STALE_AFTER"]) for name in (*SERVICES, "crontab")}
    return limit


SERVICES = ("aig-billing.service", "aig-billing-check.service", "aig-billing-metrics.service")


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: path.name)
def test_what_a_load_finds_the_check_and_the_metrics_find_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call has limits of its own: a finding would be told by one and taken back by the other."""
    limits = {"--stale-after", "--credit-days", "--remind-after"}
    assert not [call for call in calls(path) if limits & {*call}]

    for name, value in environment(path).items():
        monkeypatch.setenv(name, value)
    is_of_a_family = path.name in (*SERVICES, "crontab")
    assert telling.limits() == (checks.Limits(stale_after()) if is_of_a_family else checks.Limits())


def test_one_load_that_reached_nobody_is_no_news_and_a_day_of_them_is(bench: Bench) -> None:
    """Exit code 6 leaves the published file as it was, so nothing but its age tells."""
    bench.now += 2 * HOUR
    after_one = check(bench, stale_after())
    bench.now += timedelta(days=1)

    assert (after_one, check(bench, stale_after())) == (0, 1)


@pytest.mark.thorough
@pytest.mark.parametrize("endpoint", ["invoice-history", "credit-balance"])
def test_a_resource_that_fails_every_time_is_told_within_a_day(bench: Bench, endpoint: str) -> None:
    """Exit code 4: the rest is loaded, each time."""
    bench.faults.add(403, endpoint=endpoint)

    found = []
    for hours in (1, 24):
        bench.now = NOW + hours * HOUR
        assert bench.load().exit_code == 4
        found.append(check(bench, stale_after()))

    assert found == [0, 1]


# --- cron ------------------------------------------------------------------------------------------------------------


def cron_line(command: str) -> str:
    lines = without_comments(text("crontab")).splitlines()
    return next(line for line in lines if f" {command} " in line).split(None, 5)[5]


def run_cron(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """As cron runs it, with /bin/sh and next to no environment. What it prints is mailed."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "billing"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "token").write_text("a-token-that-is-not-used\n")
    return tmp_path


def install(home: Path, script: str) -> None:
    command = home / "billing" / ".venv" / "bin" / "aig-billing"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_the_crontab_has_five_fields_and_a_command_on_each_line() -> None:
    lines = [line for line in without_comments(text("crontab")).splitlines() if line and not re.match(r"\w+=", line)]

    assert len(lines) == 2
    for line in lines:
        minute, hour, *rest, command = line.split(None, 5)
        assert minute.isdigit()
        assert re.fullmatch(r"\*|\d+", hour)
        assert rest == ["*", "*", "*"]
        assert command.startswith('cd "$HOME/billing" && ')
        assert "%" not in command  # cron makes line ends of them


@pytest.mark.thorough
def test_the_crontab_line_loads_into_the_folder_it_names(home: Path) -> None:
    """Against the demo. Its log is JSON from the first line to the last, and nothing is mailed."""
    install(home, f'exec "{AIG}" "$@" --demo --start 2026-11-15 --database billing.duckdb')

    done = run_cron(cron_line("load"), home)

    log = (home / "billing" / "load.log").read_text()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (home / "billing" / "billing.duckdb").exists()
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
    assert "a-token-that-is-not-used" not in log


@pytest.mark.parametrize(("code", "is_mailed"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0), (143, 1)])
def test_cron_mails_what_the_next_load_does_not_mend(home: Path, code: int, is_mailed: int) -> None:
    install(home, f"echo what happened >&2; echo a table; exit {code}")

    done = run_cron(cron_line("load"), home)

    assert done.stdout == "what happened\n" * is_mailed
    assert done.stderr == ""


def test_cron_mails_that_the_token_is_gone(home: Path) -> None:
    install(home, f'exec "{AIG}" "$@"')
    (home / "billing" / "token").unlink()

    done = run_cron(cron_line("load"), home)

    assert "CLOUDFLARE_API_TOKEN_FILE" in done.stdout
    assert "No such file" in done.stdout


@pytest.mark.parametrize(("code", "is_mailed"), [(0, 0), (1, 1), (2, 1)])
def test_cron_mails_what_the_check_finds(home: Path, code: int, is_mailed: int) -> None:
    install(home, f"echo what was found; exit {code}")

    assert run_cron(cron_line("check"), home).stdout == "what was found\n" * is_mailed


# --- systemd ---------------------------------------------------------------------------------------------------------


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text(name))
    return parser


@pytest.mark.parametrize("timer", [path.name for path in UNITS if path.suffix == ".timer"])
def test_every_timer_has_its_service_and_makes_up_for_what_was_missed(timer: str) -> None:
    assert unit(timer)["Timer"]["Persistent"] == "true"
    assert unit(timer)["Install"]["WantedBy"] == "timers.target"
    assert unit(timer.replace(".timer", ".service"))["Service"]["Type"] == "oneshot"


@pytest.mark.parametrize("timer", [path.name for path in UNITS if path.suffix == ".timer"])
def test_the_failure_of_every_service_with_a_timer_is_told_to_somebody(timer: str) -> None:
    told = unit(timer.replace(".timer", ".service"))["Unit"]["OnFailure"]

    assert told == "aig-billing-failed@%n.service"
    assert "mail " in unit("aig-billing-failed@.service")["Service"]["ExecStart"]


def test_what_the_load_keeps_quiet_the_check_does_not() -> None:
    assert unit("aig-billing.service")["Service"]["SuccessExitStatus"] == "4 6"
    assert "SuccessExitStatus" not in unit("aig-billing-check.service")["Service"]


@pytest.mark.parametrize("name", ["aig-billing.service", "aig-billing-check.service"])
def test_members_of_the_group_may_read_what_is_published_and_nobody_else(name: str) -> None:
    service = unit(name)["Service"]

    assert service["User"] == service["Group"] == "aig-billing"
    assert re.search(r"^u aig-billing ", text("aig-billing.conf"), re.MULTILINE)
    assert "DynamicUser" not in service
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0750", "0027")


@pytest.mark.thorough
def test_a_load_under_the_units_mask_publishes_a_file_for_the_group(tmp_path: Path) -> None:
    mask = unit("aig-billing.service")["Service"]["UMask"]
    command = f"umask {mask} && exec '{AIG}' load --demo --start 2026-11-20 --database billing.duckdb"

    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)

    assert (tmp_path / "billing.duckdb").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_a_unit(path: Path, tmp_path: Path) -> None:
    command = tmp_path / "aig-billing"  # a path of its own: that of the tests may hold blanks
    command.symlink_to(AIG)
    for each in UNITS:
        content = each.read_text().replace("/opt/aig-billing/bin/aig-billing", str(command))
        (tmp_path / each.name).write_text(content)

    verify = ["systemd-analyze", "verify", "--man=no", tmp_path / path.name]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert [line for line in done.stderr.splitlines() if "aig-billing" in line] == []


# --- GitHub Actions --------------------------------------------------------------------------------------------------


def workflow() -> Any:
    return yaml.safe_load(text("github-actions.yml"))


def steps() -> list[dict[str, Any]]:
    return list(workflow()["jobs"]["load"]["steps"])


def place(words: str) -> int:
    (found,) = [number for number, step in enumerate(steps()) if words in str(step.get("run", step.get("uses")))]
    return found


def test_the_workflow_keeps_the_published_file_and_nothing_else() -> None:
    upload = steps()[place("actions/upload-artifact")]

    assert upload["with"]["path"] == "billing.duckdb"
    assert workflow()["concurrency"]["cancel-in-progress"] is False


def test_the_workflow_tells_what_the_check_finds_after_it_kept_the_database() -> None:
    assert place("aig-billing load") < place("actions/upload-artifact") < place("aig-billing check")
    assert not [step for step in steps() if "continue-on-error" in step]
    assert "!cancelled()" in steps()[place("actions/upload-artifact")]["if"]


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (3, 1), (4, 0), (6, 1)])
def test_the_workflow_fails_when_nothing_was_loaded(code: int, ended: int, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "aig-billing"
    command.write_text(f"#!/bin/sh\nexit {code}\n")
    command.chmod(0o755)

    script = steps()[place("aig-billing load")]["run"]

    assert subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, check=False).returncode == ended


GH = """#!/bin/sh
set -e
echo "$*" >>calls
case "$1 $2" in
  "api repos/me/billing/actions/artifacts?name=billing&per_page=100") jq -r "$4" artifacts.json ;;
  "run download") cp "database.of.$3" billing.duckdb ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
"""


def artifact(run: int, created: str, *, expired: bool = False, branch: str = "main") -> dict[str, Any]:
    origin = {"id": run, "head_branch": branch}
    return {"name": "billing", "expired": expired, "created_at": created, "workflow_run": origin}


def take_up(folder: Path, artifacts: list[dict[str, Any]] | None) -> subprocess.CompletedProcess[str]:
    """Run that step of the workflow with a stand-in for `gh`; without artifacts GitHub does not answer."""
    (folder / "bin").mkdir()
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    if artifacts is not None:
        (folder / "artifacts.json").write_text(json.dumps({"artifacts": artifacts}))
    for each in artifacts or []:
        if not each["expired"]:
            run = each["workflow_run"]["id"]
            (folder / f"database.of.{run}").write_text(f"of run {run}")
    environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "me/billing"}
    script = steps()[place("gh api")]["run"]
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment | {"GITHUB_REF_NAME": "main"},
        capture_output=True,
        text=True,
        check=False,
    )


needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed here")


@needs_jq
@pytest.mark.parametrize(
    ("artifacts", "taken"),
    [
        ([], None),
        ([artifact(7, "2026-11-20T06:17:00Z")], 7),
        ([artifact(9, "2026-11-21T06:17:00Z"), artifact(7, "2026-11-20T06:17:00Z")], 9),
        ([artifact(7, "2026-11-20T06:17:00Z"), artifact(9, "2026-11-21T06:17:00Z")], 9),
        ([artifact(9, "2026-11-21T06:17:00Z", expired=True), artifact(7, "2026-11-20T06:17:00Z")], 7),
        ([artifact(9, "2026-11-21T06:17:00Z", branch="try"), artifact(7, "2026-11-20T06:17:00Z")], 7),
        ([artifact(9, "2026-10-21T06:17:00Z", expired=True)], None),
    ],
    ids=["none", "one", "newest first", "newest last", "newest expired", "newest of another branch", "all expired"],
)
def test_a_run_takes_up_the_newest_database_that_can_be_had_or_begins_anew(
    artifacts: list[dict[str, Any]], taken: int | None, tmp_path: Path
) -> None:
    done = take_up(tmp_path, artifacts)

    database = tmp_path / "billing.duckdb"
    assert done.returncode == 0, done.stderr
    assert (database.read_text() if database.exists() else None) == (f"of run {taken}" if taken else None)
    assert ("new, complete history" in done.stdout) is (taken is None)


@needs_jq
def test_a_run_does_not_begin_anew_because_github_did_not_answer(tmp_path: Path) -> None:
    assert take_up(tmp_path, None).returncode != 0


# --- the container ---------------------------------------------------------------------------------------------------


def instruction(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)", text("Dockerfile"), re.MULTILINE)


def test_the_image_copies_only_what_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for line in instruction("COPY") if "--from" not in line for word in line.split()[:-1]]

    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)
    for pins in re.findall(r"-r (\S+)", text("Dockerfile")):
        assert (ROOT / pins).exists()


def test_the_image_runs_as_a_number_without_rights() -> None:
    """Kubernetes refuses to run a name as non-root: it cannot know whose it is."""
    (user,) = instruction("USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"chown {user} /data" in text("Dockerfile")


def test_the_image_says_how_it_is_probed() -> None:
    assert instruction("HEALTHCHECK") == ["NONE"]
    assert re.search(r"^# docker run .* aig-billing check ", text("Dockerfile"), re.MULTILINE)


READ_ONLY = """\
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,ro,bind /
for other in /tmp /var/tmp /dev/shm; do mountpoint -q "$other" && mount -o remount,ro,bind "$other"; done
if touch "$2" 2>/dev/null; then echo "the file system can be written" >&2; exit 99; fi
cd "$1"
shift 2
exec env -i "$@"
"""


def in_a_read_only_container(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where nothing but this folder can be written, with the image's environment."""
    folder.mkdir(exist_ok=True)
    variables = dict(re.findall(r"(\w+)=(\S+)", instruction("ENV")[0])) | {"PATH": f"{AIG.parent}:/usr/bin:/bin"}
    environment = [f"{name}={value.replace('/data', str(folder))}" for name, value in variables.items()]
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", READ_ONLY, "sh"]
    outside = folder.parent / "outside"
    return subprocess.run(
        [*command, folder, outside, *environment, "aig-billing", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def can_unshare() -> bool:
    command = ["unshare", "--mount", "--map-root-user", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.thorough
@pytest.mark.skipif(not can_unshare(), reason="no right to make a name space here")
def test_the_image_works_with_a_read_only_file_system(tmp_path: Path) -> None:
    """`docker run --read-only` with nothing but the volume /data, not even /tmp."""
    data = tmp_path / "data"
    demo = ["--demo", "--start", "2026-11-20", "--database", str(data / "billing.duckdb")]

    loaded = in_a_read_only_container(data, *json.loads(instruction("CMD")[0]), *demo)
    asked = in_a_read_only_container(data, "status", "--json")

    assert loaded.returncode == 0, loaded.stderr
    assert asked.returncode == 0, asked.stderr
    assert json.loads(loaded.stdout)["status"] == "ok"
    assert all(isinstance(json.loads(line), dict) for line in loaded.stderr.splitlines())


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def pod() -> Any:
    (cron,) = [each for each in yaml.safe_load_all(text("kubernetes/cronjob.yaml")) if each["kind"] == "CronJob"]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    return cron["spec"]["jobTemplate"]["spec"]


def test_the_pod_calls_the_image_with_options_that_exist_and_one_shard() -> None:
    (container,) = pod()["template"]["spec"]["containers"]
    command, *rest = container["args"]
    known = {option for each in get_command(cli.app).commands[command].params for option in each.opts}  # type: ignore[attr-defined]

    assert {word for word in rest if word.startswith("--")} <= known
    assert rest[rest.index("--shard") + 1] == "europe"


def test_the_pod_has_no_rights_and_writes_nowhere_but_where_it_may() -> None:
    spec = pod()["template"]["spec"]
    (container,) = spec["containers"]
    volumes = {each["name"]: each for each in spec["volumes"]}
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert writable == {"/tmp"}
    assert "emptyDir" in volumes["tmp"]


def test_the_pods_token_is_a_file_of_a_secret_and_no_variable() -> None:
    spec = pod()["template"]["spec"]
    (container,) = spec["containers"]
    told = {each["name"]: each for each in container["env"]}
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in spec["volumes"]}
    folder, _, _ = told["CLOUDFLARE_API_TOKEN_FILE"]["value"].rpartition("/")

    assert "secret" in volumes[mounts[folder]]
    assert "CLOUDFLARE_API_TOKEN" not in told
    assert not [each for each in container["env"] if "valueFrom" in each]


def test_a_pod_that_failed_for_good_is_not_run_again() -> None:
    (rule,) = pod()["podFailurePolicy"]["rules"]

    assert rule["action"] == "FailJob"
    assert set(rule["onExitCodes"]["values"]) == {1, 2, 3, 4}  # 5 and 6 pass by themselves
