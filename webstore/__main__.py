"""Start the store: `python -m webstore`, with gunicorn's options after it.

The same as `gunicorn -c gunicorn.conf.py wsgi:app`, but it shows every wrong setting in one list. Gunicorn
alone ends with a traceback if WEB_CONCURRENCY is not a number.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import SettingsError
from .settings import Settings

_TOP = Path(__file__).resolve().parent.parent


def settings_or_exit() -> Settings:
    """The settings of the environment. Exits with code 1 and the list of problems if there are any."""
    try:
        return Settings.from_env(more=_problems_of_places)
    except SettingsError as problem:
        raise SystemExit(str(problem)) from None


def _problems_of_places(settings: Settings) -> list[str]:
    # Not at the top: the application's counters need a variable that gunicorn.conf.py sets.
    from .composition import problems_of_places  # noqa: PLC0415

    return problems_of_places(settings)


def main() -> None:
    """Check the settings, then become gunicorn. Exits with code 1 and the list of problems."""
    settings = settings_or_exit()
    # Gunicorn takes no blank value.
    environment = {**os.environ, "WEB_CONCURRENCY": str(settings.web_concurrency)}
    options = ["--chdir", str(_TOP), "--config", str(_TOP / "gunicorn.conf.py"), *sys.argv[1:], "wsgi:app"]
    os.execve(sys.executable, [sys.executable, "-m", "gunicorn", *options], environment)  # noqa: S606  # no shell


if __name__ == "__main__":
    main()
