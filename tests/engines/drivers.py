"""Firefox and WebKit, driven without a further package.

WebKitGTK's driver speaks WebDriver over HTTP (https://www.w3.org/TR/webdriver2/). Firefox's Marionette takes
the same commands over TCP, in messages of `length:JSON`
(https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from typing import Any, Protocol

import httpx
import pytest

from tests.ports import free_port
from tests.support import until

#: More than an engine takes to start on a busy machine (seconds).
AMPLE_S = 90.0
#: Nothing but the pages under test is asked for.
_FIREFOX_PREFERENCES: Mapping[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.enabled": False,
}


class Channel(Protocol):
    """Sends WebDriver's commands."""

    def send(self, command: str, **parameters: object) -> Any:  # the JSON of each command
        """Do a command of `_COMMANDS`. Raises `CommandFailed`."""


class CommandFailed(Exception):
    """The driver could not do a command, for instance because the element is not there yet."""


@dataclass
class Engine:
    """A browser in front of a person."""

    channel: Channel

    def open(self, url: str) -> None:
        """Type an address."""
        self.channel.send("navigate", url=url)

    def back(self) -> None:
        """Press the Back button."""
        self.channel.send("back")

    def address(self) -> str:
        """The address of the page."""
        return str(self.channel.send("url"))

    def source(self) -> str:
        """The page's markup as it is now."""
        return str(self.channel.send("source"))

    def click(self, words: str) -> None:
        """Click the first link or button with these words."""
        named = f"[normalize-space(.)='{words}']"
        self._on(f"//button{named} | //a{named}", "click")

    def unfold(self, words: str) -> None:
        """Open the menu whose label ends with these words."""
        self._on(f"//summary[contains(., '{words}')]", "click")

    def press(self, value: str) -> None:
        """Click the button with this value."""
        self._on(f"//button[@value='{value}']", "click")

    def fill(self, label: str, text: str) -> None:
        """Type into the field with this label."""
        self._on(f"//label[starts-with(normalize-space(.), '{label}')]//input", "type", text=text)

    def press_key(self, key: str) -> None:
        """Press and release a key, which is a character: https://www.w3.org/TR/webdriver2/#keyboard-actions"""
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self.channel.send("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def evaluate(self, function: str) -> Any:  # the page's own value
        """What a JavaScript function answers on the page, also if the page itself runs none."""
        return self.channel.send("script", script=f"return ({function})()", args=[], sandbox="system")

    def _on(self, xpath: str, command: str, **parameters: str) -> None:
        """Do something with an element, as soon as it is there."""

        def done() -> bool:
            with suppress(CommandFailed):
                (element,) = self.channel.send("find", using="xpath", value=xpath).values()
                self.channel.send(command, id=str(element), **parameters)
                return True
            return False

        until(done, within_s=30)

    def sees(self, words: str) -> None:
        """Wait until the page has these words."""

        def is_there() -> bool:
            with suppress(CommandFailed):
                return words in self.source()
            return False

        until(is_there, within_s=30)


#: Method and path of WebDriver, and Marionette's name, of each command.
_COMMANDS = {
    "navigate": ("POST", "/url", "Navigate"),
    "url": ("GET", "/url", "GetCurrentURL"),
    "back": ("POST", "/back", "Back"),
    "source": ("GET", "/source", "GetPageSource"),
    "find": ("POST", "/element", "FindElement"),
    "click": ("POST", "/element/{id}/click", "ElementClick"),
    "type": ("POST", "/element/{id}/value", "ElementSendKeys"),
    "actions": ("POST", "/actions", "PerformActions"),
    "script": ("POST", "/execute/sync", "ExecuteScript"),
}


class WebDriver:
    """A session of WebDriver over HTTP."""

    def __init__(self, http: httpx.Client, capabilities: Mapping[str, object]) -> None:
        self._http = http
        answer = http.post("/session", json={"capabilities": {"alwaysMatch": capabilities}})
        self._path = f"/session/{answer.json()['value']['sessionId']}"

    def send(self, command: str, **parameters: object) -> Any:
        method, path, _ = _COMMANDS[command]
        path = path.format(id=parameters.pop("id", ""))
        body = parameters if method == "POST" else None
        answer = self._http.request(method, self._path + path, json=body)
        value = answer.json()["value"]
        if answer.status_code != httpx.codes.OK:
            raise CommandFailed(value["message"])
        return value

    def quit(self) -> None:
        """End the browser."""
        self._http.delete(self._path)


class Marionette:
    """A session of Firefox's own protocol."""

    def __init__(self, connection: socket) -> None:
        self._connection, self._number = connection, 0
        self._stream = connection.makefile("rb")
        self._read()
        self._send("WebDriver:NewSession", {})

    def send(self, command: str, **parameters: object) -> Any:
        value = self._send(f"WebDriver:{_COMMANDS[command][2]}", parameters)
        return value.get("value", value)

    def zoom(self, factor: float, width: int) -> None:
        """Zoom the pages of the open page's host; the window gets this width in pixels of the screen."""
        self._send("WebDriver:SetWindowRect", {"width": width})
        self._send("Marionette:SetContext", {"value": "chrome"})
        script = "FullZoom.setZoom(arguments[0], gBrowser.selectedBrowser);"
        self._send("WebDriver:ExecuteScript", {"script": script, "args": [factor]})
        self._send("Marionette:SetContext", {"value": "content"})

    def quit(self) -> None:
        """End the browser."""
        self._send("Marionette:Quit", {"flags": ["eForceQuit"]})
        self._stream.close()
        self._connection.close()

    def _send(self, name: str, parameters: Mapping[str, object]) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, _, error, value = self._read()
        if error is not None:
            raise CommandFailed(error["message"])
        return value

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._stream.read(1)
        return json.loads(self._stream.read(int(length[:-1])))


def needed(*names: str) -> str:
    """The path of the first of these programs that is installed. Skips the test if none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        reason = f"{' or '.join(names)} is not installed"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def program(folder: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program with a home directory of its own, for as long as the block lasts."""
    own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
    with (folder / Path(command[0]).name).with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (from the PATH)
            command,
            env={**os.environ, **own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def firefox(folder: Path, **preferences: bool | int | str) -> Iterator[Engine]:
    """Firefox without a window, with these preferences beside its own."""
    executable, port = needed("firefox-esr", "firefox"), free_port()
    lines = {**_FIREFOX_PREFERENCES, **preferences, "marionette.port": port}.items()
    (folder / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in lines)
    )
    # Zooming is the window's business, which Marionette may not touch by default.
    modes = ("--headless", "--marionette", "--remote-allow-system-access", "--no-remote")
    command = (executable, *modes, "--profile", str(folder))
    with program(folder, *command) as process:
        until(lambda: process.poll() is not None or _listens(port), within_s=AMPLE_S)
        session = Marionette(create_connection(("127.0.0.1", port), timeout=AMPLE_S))
        try:
            yield Engine(session)
        finally:
            session.quit()
        process.wait(20)


@contextmanager
def webkit(folder: Path) -> Iterator[Engine]:
    """WebKitGTK's small browser, on a screen that nobody sees."""
    driver, xvfb, port = needed("WebKitWebDriver"), needed("Xvfb"), free_port()
    browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None)
    if browser is None:
        needed("MiniBrowser")
    display = folder / "display"
    # Xvfb chooses a free display and writes its number to the file descriptor.
    shell = f'exec "{xvfb}" -displayfd 3 -screen 0 1280x800x24 -nolisten tcp 3>"{display}"'
    with program(folder, needed("sh"), "-c", shell):
        until(lambda: display.exists() and display.read_text().endswith("\n"), within_s=AMPLE_S)
        address = {"DISPLAY": f":{display.read_text().strip()}", "LIBGL_ALWAYS_SOFTWARE": "1"}
        with (
            program(folder, driver, f"--port={port}", "--host=127.0.0.1", **address),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=AMPLE_S, trust_env=False) as http,
        ):
            until(lambda: _listens(port), within_s=AMPLE_S)
            options = {"binary": str(browser), "args": ["--automation"]}
            session = WebDriver(http, {"webkitgtk:browserOptions": options})
            yield Engine(session)
            session.quit()


def _listens(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
