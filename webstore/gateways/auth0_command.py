"""Calls to the Management API through Auth0's command `auth0`, where it is installed and logged in."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from urllib.parse import urlencode

from webstore.errors import DirectoryRefused, DirectoryUnavailable

from .management_calls import UNTOLD_WAIT_S, Reply, parsed
from .profiles import printable

#: Seconds that a call may take. The command itself tries again after a 429.
_COMMAND_S = 60.0


class CommandWay:
    """Calls through the `auth0` command, which has logged in by itself.

    Source: https://auth0.github.io/auth0-cli/auth0_api.html
    """

    def __init__(self, command: str, domain: str) -> None:
        """`command`: path of the executable. `domain`: the tenant; the command may know several."""
        self._command, self._domain = command, domain

    def send(self, method: str, path: str, query: Mapping[str, str], body: object) -> Reply:
        """Make one call. Raises `DirectoryRefused` and `DirectoryUnavailable`."""
        target = f"{path}{'?' if query else ''}{urlencode(query)}"
        arguments = [self._command, "api", method.lower(), target, "--tenant", self._domain]
        # Data in an argument would be shown in the machine's list of processes.
        data = None if body is None else json.dumps(body)
        try:
            done = subprocess.run(  # noqa: S603  # the operator's own command
                [*arguments, "--no-input", "--no-color"],
                input=data,
                stdin=subprocess.DEVNULL if data is None else None,
                capture_output=True,
                text=True,
                timeout=_COMMAND_S,
                check=False,
                env={**os.environ, "AUTH0_AGENT_MODE": "false", "NO_COLOR": "1"},
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as exc:
            raise DirectoryUnavailable(f"the auth0 command gave no answer ({type(exc).__name__})") from exc
        if done.returncode == 0:
            return _as_reply(parsed(done.stdout))
        return _failure(done.stderr or done.stdout)

    def how_to_get(self, scope: str) -> str:
        """What an operator does to get a right that is missing."""
        return f"Log in with it: auth0 login --scopes {scope.replace(' ', '')}"


def _as_reply(document: object) -> Reply:
    """What the command printed. Earlier releases print an error like any other document, and succeed."""
    if isinstance(document, dict) and isinstance(document.get("statusCode"), int) and "error" in document:
        return Reply(document["statusCode"], document, UNTOLD_WAIT_S)
    return Reply(200, document)


def _failure(said: str) -> Reply:
    """What the command says about a call that failed. Raises `DirectoryRefused` if it made none."""
    if found := re.search(r"\{.*\}", said, re.DOTALL):
        reply = _as_reply(parsed(found[0]))
        if reply.status != 200:
            return reply
    if found := re.search(r"lacks scope: ([\w:]+)", said):
        message = f"Insufficient scope, expected any of: {found[1]}"
        return Reply(403, {"message": message, "errorCode": "insufficient_scope"})
    raise DirectoryRefused(f"the auth0 command failed: {printable(' '.join(said.split()), 300)}")
