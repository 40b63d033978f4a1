"""The pocket cluster's API server: the part of the Kubernetes REST API that the control plane and kubectl use, over HTTPS.

`serve` puts a `localcluster.objects.Store` behind a port of this machine. One thread per connection, HTTP/1.1 with keep-alive; JSON and
YAML in, JSON and YAML out. What it is not: no protobuf, no HTTP/2, no OpenAPI beyond what kubectl's field validation asks for, no exec,
attach or port-forward, no accounts and roles (whoever has the token may do everything), no admission webhooks, no custom resources.
"""

from localcluster.api.credentials import Credentials, ensure_credentials, write_kubeconfig
from localcluster.api.logs import Logs
from localcluster.api.server import Server, serve

__all__ = ["Credentials", "Logs", "Server", "ensure_credentials", "serve", "write_kubeconfig"]
