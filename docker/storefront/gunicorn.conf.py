"""One process with threads: what it waits for is Medusa, and one process has one cache. Replicas are the way to more.

The application is not preloaded: with one worker nothing would be shared, and the master would only hold it a second time.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from storefront.settings import Settings, SettingsError

try:
    Settings.from_env(os.environ)
except SettingsError as problem:
    sys.stderr.write(f"storefront: {problem}\n")
    sys.exit(2)

wsgi_app = "storefront.wsgi:app"
# in a pod, its Service and network policy say who may come
bind = f"{os.environ.get('HOST') or '0.0.0.0'}:{os.environ.get('PORT') or '8000'}"  # noqa: S104
workers = 1
worker_class = "gthread"
# more than there may be calls to Medusa at once (client.PARALLEL): the rest serves what is in the cache
threads = 16
keepalive = 30
timeout = 60
# less than the pod is given to end
graceful_timeout = 3
# a heartbeat on a disk that stalls would get a healthy worker killed
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
control_socket_disable = True
loglevel = "warning"
# the ingress's address is not known beforehand
forwarded_allow_ips = "*"
