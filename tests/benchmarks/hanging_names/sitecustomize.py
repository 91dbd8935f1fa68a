"""Makes the look-up of the name `localhost` hang while a file exists, in a process with this on its path.

Python imports a module of this name when it starts: https://docs.python.org/3/library/site.html
"""

import os
import socket
import time
from typing import Any

_FLAG = os.environ["HANG_NAMES_WHILE"]
_look_up = socket.getaddrinfo


def _hanging(host: Any, *args: Any, **kwargs: Any) -> Any:  # Any: as in the standard library
    while host == "localhost" and os.path.exists(_FLAG):  # noqa: PTH110  # pathlib is slow to import here
        time.sleep(0.05)
    return _look_up(host, *args, **kwargs)


socket.getaddrinfo = _hanging
