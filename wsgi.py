"""For a WSGI server, and for `flask --app wsgi`."""

from __future__ import annotations

import sys

from app.config import ConfigError
from app.factory import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.stderr.write("error: the configuration is wrong.\n" + "".join(f"  {problem}\n" for problem in error.problems))
    raise SystemExit(2) from None
