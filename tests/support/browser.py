"""A page in headless chromium, driven over a pipe: what it logs, what it asks for, what it shows.

`python -m support.browser PAGE PNG` makes the README's picture. `.ci/install-chromium` installs the browser on Debian.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


class Page:
    """One tab. `events` holds everything that the browser told, in order."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._in, self._out = to_browser, from_browser
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the devtools protocol, and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self, within_s: float = 60.0) -> dict[str, Any]:
        end = time.monotonic() + within_s
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._out], [], [], max(0.0, end - time.monotonic()))
            assert ready, "chromium does not answer"
            chunk = os.read(self._out, 1 << 16)
            assert chunk, "chromium has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def evaluate(self, script: str) -> Any:
        """The value of some JavaScript."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def look(self, path: Path, width: int, *, scheme: str = "light", media: str = "screen") -> None:
        """Open a file of this machine at that width, and wait until its charts are drawn."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", media=media, features=[feature])
        self.call("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + 60
        while not self.evaluate("document.documentElement?.dataset.drawn !== undefined"):
            assert time.monotonic() < end, "the charts are not drawn after a minute"
            time.sleep(0.1)

    def picture(self, path: Path, height: int | None = None) -> None:
        """A PNG of the page, down to its end or to that height."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it prints."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    @property
    def requests(self) -> list[str]:
        """Every address that the page asked for."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [str(event["params"]["request"]["url"]) for event in sent]

    @property
    def complaints(self) -> list[Any]:
        """What the console shows: errors, warnings, and what the page's policy forbade."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event.get("method") in kinds]


@contextmanager
def browser() -> Iterator[Page]:
    """A chromium of its own with an empty profile, ended afterwards."""
    assert CHROMIUM, "there is no chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        shell = ["bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "bash", *command]
        process = subprocess.Popen(
            shell, pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(their_in)
        os.close(their_out)
        try:
            yield Page(our_out, our_in)
        finally:
            os.close(our_out)  # chromium ends when nobody speaks to it any more
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            os.close(our_in)


if __name__ == "__main__":
    with browser() as page:
        page.look(Path(sys.argv[1]), 1180)
        page.picture(Path(sys.argv[2]), height=1350)
