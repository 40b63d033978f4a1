"""Too many attempts: the form is shown again with a 429 and the time to wait."""

from __future__ import annotations

from flask import Response

from app.domain.errors import TooManyAttempts


def too_many(error: TooManyAttempts, response: Response) -> Response:
    response.status_code = 429
    response.headers["Retry-After"] = str(max(1, int(error.data.get("seconds", 60))))
    return response
