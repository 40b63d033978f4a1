"""What every namespace is given: the ServiceAccount `default`, and the certificate of the API server that pods look for."""

from __future__ import annotations

from localcluster.controllers.desk import Desk


def furnish(desk: Desk) -> None:
    desk.ensure("ServiceAccount", "default", {})
    data = {"ca.crt": desk.settings.ca}
    found = desk.ensure("ConfigMap", "kube-root-ca.crt", {"data": data})
    if found.get("data") != data:
        desk.patch("ConfigMap", found, {"data": data})
