"""Debian's Firefox, without a window, driven by WebDriver BiDi (w3c.github.io/webdriver-bidi).

Firefox speaks it by itself; no driver is needed between. It has no network: every request that
leaves the machine, or is for it, ends at a proxy that is not there.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
from hw_mocks.worldclock import ASIDE

PROGRAM: Final = shutil.which("firefox-esr")
WITHIN_S: Final = 120.0
_LISTENS: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES: Final = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.allow_hijacking_localhost": True,
    "network.proxy.no_proxies_on": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "media.autoplay.default": 0,
}


class Firefox:
    """One page in a browser. said: what the console says. asked: every request."""

    def __init__(self, url: str) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._run(self._connect(url))
        self.call("session.new", {"capabilities": {}})
        events = ["log.entryAdded", "network.beforeRequestSent"]
        self.call("session.subscribe", {"events": events})
        tree = self.call("browsingContext.getTree", {})
        self.context = tree["contexts"][0]["context"]

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{url}/session", max_msg_size=0)
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            said = message.json()
            match said.get("method"):
                case "log.entryAdded":
                    self.said.append(f"{said['params']['level']}: {said['params']['text']}")
                case "network.beforeRequestSent":
                    self.asked.append(said["params"]["request"]["url"])
                case _ if said.get("id") in self._answers:
                    self._answers.pop(said["id"]).set_result(said)

    async def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._answers[self._number] = answer
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return await answer

    def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """Carry out a command of the protocol; AssertionError with its error."""
        said = self._run(self._ask(method, parameters))
        assert said["type"] == "success", f"{method}: {said}"
        return said["result"]

    def goto(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.call(
            "browsingContext.navigate", {"context": self.context, "url": url, "wait": "complete"}
        )

    def evaluate(self, expression: str) -> Any:
        """What an expression is in the page: null, a number, a truth, or a text."""
        result = self._evaluated(expression)
        return result.get("value")

    def _evaluated(self, expression: str) -> Any:
        said = self.call(
            "script.evaluate",
            {
                "expression": expression,
                "target": {"context": self.context},
                "awaitPromise": True,
                "userActivation": True,
            },
        )
        assert said["type"] == "success", f"{expression}: {said['exceptionDetails']['text']}"
        return said["result"]

    def chooses(self, expression: str, files: list[Path]) -> None:
        """Choose files with an input element."""
        element = self._evaluated(expression)
        self.call(
            "input.setFiles",
            {
                "context": self.context,
                "element": {"sharedId": element["sharedId"]},
                "files": [str(one) for one in files],
            },
        )

    def screenshot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        said = self.call(
            "browsingContext.captureScreenshot", {"context": self.context, "origin": "document"}
        )
        path.write_bytes(base64.b64decode(said["data"]))

    def close(self) -> None:
        """Let go of the connection."""
        self._run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _leave(self) -> None:
        await self._socket.close()
        await self._session.close()
        await self._reading


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    """A Firefox of a profile of its own, while the block runs."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory() as place:
        profile = Path(place) / "profile"
        profile.mkdir()
        lines = [f'user_pref("{name}", {_spelled(value)});' for name, value in _PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = ["nice", "-n", str(ASIDE), PROGRAM, "--headless", "--no-remote"]
        command += ["--profile", str(profile), "--remote-debugging-port", "0", "about:blank"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            url = ""
            for line in process.stderr:
                if found := _LISTENS.search(line):
                    url = found[1]
                    break
            assert url, "firefox ended before it listened"
            # Its pipe is emptied, or it would wait for that in the end.
            emptying = threading.Thread(target=process.stderr.read, daemon=True)
            emptying.start()
            one = Firefox(url)
            try:
                yield one
            finally:
                one.close()
                process.terminate()
                emptying.join(WITHIN_S)
        finally:
            process.terminate()
            process.wait(WITHIN_S)
            process.stderr.close()


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
