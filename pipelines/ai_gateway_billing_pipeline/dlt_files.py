"""The files in which dlt looks for settings, read without it: to import dlt takes longer than many a command runs."""

import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

SECRETS = "/run/secrets/{}"
"""Where Docker and Kubernetes put a secret, under the name of its variable in small letters with dashes."""

_SECTION = ("sources", "ai_gateway_billing")


def may_have(key: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether dlt can find this setting of the source, or has to say what is wrong with a file."""
    path = (*_SECTION, key)
    variable = "__".join(path)
    is_secret = os.path.exists(SECRETS.format(variable.replace("_", "-")))  # noqa: PTH110 - as below
    return is_secret or variable.upper() in environ or any(_may_have(file, path) for file in files(environ))


def files(environ: Mapping[str, str] = os.environ) -> Sequence[str]:
    """Those that there may be. Of the homes dlt takes one, by who runs it and what is there."""
    folder, home = environ.get("DLT_CONFIG_FOLDER", ".dlt"), os.path.expanduser("~")  # noqa: PTH111 - fails for nobody
    places = (
        Path(environ.get("DLT_PROJECT_DIR", "."), folder),
        Path(home, folder),
        Path(environ.get("XDG_DATA_HOME", home), "dlt"),
        Path("/var/dlt"),
        Path(tempfile.gettempdir(), "dlt"),
    )
    return [str(place / name) for place in places for name in ("config.toml", "secrets.toml")]


def _may_have(file: str, path: Sequence[str]) -> bool:
    if not os.path.isfile(file):  # noqa: PTH113 - as dlt asks: what may not be seen is not there
        return False
    try:
        found: object = tomllib.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError):
        return True
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found is not None
