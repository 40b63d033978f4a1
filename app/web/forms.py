"""What was typed into a form, and what is wrong with it: shown again beside each field, so that nobody types twice.

The rules themselves are the use cases'; an error of theirs names the field. Values go to them as they were typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request

from app.domain.errors import StoreyardError


@dataclass(slots=True)
class Form:
    """`values` and `errors` by field name. `problem` is what belongs to no field."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict[str, str])
    problem: str | None = None

    @classmethod
    def read(cls, *names: str) -> Form:
        """These fields of the request; "" where one is missing. NUL is in no text that PostgreSQL keeps, nor is a lone surrogate."""
        return cls({name: request.form.get(name, "").replace("\x00", "") for name in names})

    @classmethod
    def of(cls, values: Mapping[str, object] | None = None, **more: object) -> Form:
        """A form to fill in, with what is known already."""
        given = {**(values or {}), **more}
        return cls({name: "" if value is None else str(value) for name, value in given.items()})

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def refuse(self, error: StoreyardError, **renamed: str) -> None:
        """Show what a use case said. `renamed` maps its field names to this form's where they differ."""
        name = str(error.data.get("field", ""))
        name = renamed.get(name, name)
        if name in self.values:
            self.errors[name] = error.message
        else:
            self.problem = error.message

    def demand(self, **rules: str) -> bool:
        """Whether each of these fields has text; beside an empty one stands its sentence."""
        for name, sentence in rules.items():
            if not self[name].strip():
                self.errors.setdefault(name, sentence)
        return not self.errors
