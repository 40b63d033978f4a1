"""Claims: each is bound to a volume that a provisioner would have made for it, grows when it is let, and is kept while a pod uses it.

A volume is a folder, which the node makes when a pod first mounts it; there are no PersistentVolume objects, and a claim is bound at once,
also where its class would wait for a pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcluster.collector import drop_finalizer
from localcluster.controllers.desk import Desk
from localcluster.controllers.shapes import alive, annotations_of
from localcluster.errors import ApiError
from localcluster.strategy import PVC_PROTECTION

Body = Mapping[str, Any]

KIND = "PersistentVolumeClaim"
COMPONENT = "persistentvolume-controller"
_LOOK_FOR_CLASS_AGAIN = 15.0


def claim(desk: Desk, claim: Body) -> None:
    finalizers = claim["metadata"].get("finalizers") or []
    if not alive(claim):
        if PVC_PROTECTION in finalizers and not any(claim["metadata"]["name"] in claims_of(pod) for pod in desk.all("Pod")):
            drop_finalizer(desk.store, KIND, claim, PVC_PROTECTION)
        return
    if PVC_PROTECTION not in finalizers:
        claim = desk.patch(KIND, claim, {"metadata": {"finalizers": [*finalizers, PVC_PROTECTION]}})
    provisioner = _provisioner(desk, claim["spec"].get("storageClassName", ""))
    if provisioner is None:
        _tell_missing(desk, claim)
        return
    if claim["status"].get("phase") != "Bound":
        claim = _bind(desk, claim, provisioner)
    capacity = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
    desk.write_status(KIND, claim, {"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity})


def claims_of(pod: Body) -> Iterator[str]:
    """The claims that a pod's volumes name."""
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"]


def _bind(desk: Desk, claim: Body, provisioner: str) -> Body:
    volume = claim["spec"].get("volumeName") or f"pvc-{claim['metadata']['uid']}"
    notes = {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.beta.kubernetes.io/storage-provisioner": provisioner,
        "volume.kubernetes.io/storage-provisioner": provisioner,
    }
    if claim["spec"].get("volumeName") == volume and notes.items() <= annotations_of(claim).items():
        return claim
    bound = desk.patch(KIND, claim, {"metadata": {"annotations": notes}, "spec": {"volumeName": volume}})
    desk.record(bound, "ProvisioningSucceeded", f"Successfully provisioned volume {volume}", component=provisioner)
    return bound


def _provisioner(desk: Desk, name: str) -> str | None:
    if name:
        try:
            return desk.store.get("StorageClass", "", name).get("provisioner") or desk.settings.provisioner
        except ApiError as error:
            if error.code != 404:
                raise
    return desk.settings.provisioner if name in desk.settings.classes else None


def _tell_missing(desk: Desk, claim: Body) -> None:
    if claim["status"].get("phase") == "Bound":
        return
    desk.look_again(_LOOK_FOR_CLASS_AGAIN)
    name = claim["spec"].get("storageClassName", "")
    if name:
        message = f'storageclass.storage.k8s.io "{name}" not found'
        desk.record_again(claim, "ProvisioningFailed", message, component=COMPONENT)
    else:
        message = "no persistent volumes available for this claim and no storage class is set"
        desk.record_again(claim, "FailedBinding", message, component=COMPONENT, warning=False)
