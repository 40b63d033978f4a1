"""For a WSGI server, and for `flask --app wsgi`."""

from __future__ import annotations

import sys

from app.bootstrap import configure_logging
from app.config import ConfigError, Settings
from app.factory import create_app

try:
    _settings = Settings.from_env()
    configure_logging(_settings)
    app = create_app(_settings)
except ConfigError as error:
    sys.stderr.write("error: the configuration is wrong.\n" + "".join(f"  {problem}\n" for problem in error.problems))
    raise SystemExit(2) from None
