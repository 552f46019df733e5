"""The Postgres of tests ends with them, however they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.constants import ROOT
from support.postgres import Database, Server, until

RUN = """
import sys
from support.postgres import serving
with serving() as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.stores
@pytest.mark.parametrize("killed", [None, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_no_server_and_no_folder_are_left_of_a_run(killed: signal.Signals | None, postgres_server: Server) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        port = int(run.stdout.readline())
        ((data,),) = Database(port, "postgres").rows("show data_directory")
        if killed:
            run.send_signal(killed)

    folder = Path(data).parent
    assert folder.name.startswith("aig-billing-postgres-")
    until(lambda: not folder.exists())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
