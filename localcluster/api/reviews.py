"""`selfsubjectaccessreviews`: whoever asks has shown the token, and may therefore do everything, with whatever resource."""

from __future__ import annotations

from localcluster.api.decoding import read_object
from localcluster.api.wire import Request, Response, dump
from localcluster.errors import ApiError

API_VERSION = "authorization.k8s.io/v1"
KIND = "SelfSubjectAccessReview"
PLURAL = "selfsubjectaccessreviews"


def review(request: Request) -> Response:
    """The review as it came, with the answer. ApiError 422 for one that asks nothing."""
    if request.segments[1:] != (*API_VERSION.split("/"), PLURAL):
        raise ApiError.unknown_resource()
    if request.method != "POST":
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    body = read_object(KIND, request.media_type, request.body)
    spec = body.get("spec")
    if not isinstance(spec, dict) or not (spec.get("resourceAttributes") or spec.get("nonResourceAttributes")):
        why = "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise ApiError(422, "Invalid", f'{KIND}.authorization.k8s.io "" is invalid: {why}')
    answer = {"kind": KIND, "apiVersion": API_VERSION, "metadata": body.get("metadata") or {}, "spec": spec, "status": {"allowed": True}}
    return Response(201, dump(answer))
