"""The wheel holds the two packages whole, and nothing that only an editable install would find."""

import configparser
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

from support.constants import ROOT

PACKAGES = {"sources": "ai_gateway_billing", "pipelines": "ai_gateway_billing_pipeline"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def read(wheel: zipfile.ZipFile, name: str) -> str:
    """The text of a file in the wheel's dist-info folder."""
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_nothing_but_the_package_stands_beside_it(folder: str, package: str) -> None:
    """An editable install puts both folders on the path: a stray module imports here, but no wheel has it."""
    names = {path.name for path in (ROOT / folder).iterdir() if not path.name.startswith((".", "__pycache__"))}

    assert names == {package}


def test_the_wheel_installs_two_names(wheel: zipfile.ZipFile) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES.values())


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_every_file_of_a_package_is_in_the_wheel(wheel: zipfile.ZipFile, folder: str, package: str) -> None:
    """Modules, SQL and the marker of typed code alike."""
    files = {
        path.relative_to(ROOT / folder).as_posix()
        for path in Path(ROOT / folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files - set(wheel.namelist()) == set()


def test_type_checkers_may_trust_the_source(wheel: zipfile.ZipFile) -> None:
    assert "ai_gateway_billing/py.typed" in wheel.namelist()


def test_the_command_is_declared(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(read(wheel, "entry_points.txt"))

    assert dict(entry_points["console_scripts"]) == {"aig-billing": "ai_gateway_billing_pipeline.__main__:main"}


def test_the_metadata_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(read(wheel, "METADATA"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert metadata["Name"] == "cloudflare-ai-gateway-billing"
    assert metadata["Version"] == project["version"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "demo", "dev", "ducklake", "notebooks", "notify", "postgres", "report", "xlsx",
    }  # fmt: skip
