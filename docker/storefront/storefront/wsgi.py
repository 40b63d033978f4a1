"""What gunicorn runs: gunicorn -c gunicorn.conf.py, which has looked at the environment already."""

from __future__ import annotations

import logging
import os
import sys

from storefront.factory import create_app
from storefront.settings import Settings

logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
logging.getLogger("httpx").setLevel(logging.WARNING)

app = create_app(Settings.from_env(os.environ))
