"""`python -m localcluster`: the pocket cluster, until SIGTERM or SIGINT.

Exit codes: 0 ended as asked; 2 the command line, or a machine it cannot run on; 3 the port is taken; 4 the state folder is in use by
another pocket cluster; 5 the state folder cannot be used.
"""

from __future__ import annotations

import argparse
import gc
import logging
import platform
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

UNSUITABLE = 2


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if sys.platform != "linux" or platform.machine() != "x86_64":
        # The loopback addresses, /proc and pidfd that it stands on are Linux's.
        print(f"The pocket cluster runs on Linux x86-64 only; this is {platform.system()} {platform.machine()}.", file=sys.stderr)  # noqa: T201
        return UNSUITABLE
    from localcluster.cluster import CannotStart, Cluster, Options  # noqa: PLC0415 - it imports what other systems do not have

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        cluster = Cluster(Options(**options))
        cluster.open()
    except CannotStart as error:
        print(f"The pocket cluster cannot start: {error}", file=sys.stderr)  # noqa: T201
        return error.code
    gc.collect()
    gc.freeze()  # What is loaded now stays; the collector need not look at it again.
    cluster.run(stop)
    cluster.close()
    return 0


def _parse(arguments: list[str] | None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m localcluster", description="A pocket Kubernetes for one machine. It isolates nothing.")
    parser.add_argument("--state", type=Path, required=True, help="folder of everything that outlives the process")
    parser.add_argument("--runtime", type=Path, required=True, help="folder of what does not, with a short path: unix sockets lie there")
    parser.add_argument("--catalogue", type=Path, required=True, help="JSON file that says which folder stands for which image")
    parser.add_argument("--port", type=int, default=6443, help="port of the API on 127.0.0.1 (6443)")
    parser.add_argument("--ingress-port", type=int, default=8080, help="port on 127.0.0.1 that Caddy serves Ingresses at (8080)")
    parser.add_argument("--caddy-admin", help="Caddy's admin socket, as unix//path; without it Ingresses are not served")
    parser.add_argument("--user", help="user that containers run as, where this runs as root")
    parser.add_argument("--memory", type=int, help="MiB that pods may ask for in total (the machine's, less a reserve)")
    parser.add_argument("--no-node", dest="run_node", action="store_false", help="keep objects and run controllers, but no pods")
    return vars(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
