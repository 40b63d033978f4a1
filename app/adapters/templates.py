"""Template files: strict Jinja whose values leave numbered holes in the text instead of becoming text themselves.

Undefined names, None, attributes with underscores, and what turns values into text too early (macros, includes, blocks kept in a variable)
are errors. Each error is a TemplateError with file and line and without any value; the chained cause keeps it for whoever debugs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from app.adapters.documents import CLOSE, OPEN, Document, Fault, hole, parse, plain
from app.domain.errors import TemplateError

_T = TypeVar("_T")
_FORBIDDEN_NODES = (
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.AssignBlock,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
)
# Marks a template's line in text that is rendered again to find where a fault lies.
_MARK_OPEN, _MARK_CLOSE = "\ue002", "\ue003"
_MARKS = re.compile(f"(?:{_MARK_OPEN}([0-9]+){_MARK_CLOSE})+")


class Template:
    """One file: compiled when it is loaded, its rendered texts parsed once each."""

    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        try:
            self._source = path.read_text(encoding="utf-8")
            self._check_source()
            self._template = _compile(_ENVIRONMENT.parse(self._source), shown)
        except jinja2.TemplateSyntaxError as error:
            raise self.error(error.message or "syntax error", error.lineno) from error
        except (OSError, UnicodeDecodeError) as error:
            raise self.error(f"cannot be read: {error}", None) from error

    def render(self, context: Mapping[str, Any], made: Callable[[Mapping[str, Any]], _T]) -> Iterator[_T]:
        """What `made` makes of each document that is not empty; it raises ValueError for one that it refuses."""
        holes = _Holes()
        text = self._rendered(self._template, context, holes)
        line = 0
        try:
            for document in _parsed(text):
                line = document.line
                yield made(document.fill(holes.values))
        except Fault as fault:
            raise self.error(fault.problem, self._line_of(fault.line, context)) from fault
        except ValueError as error:
            raise self.error(str(error), self._line_of(line, context)) from error
        except (TypeError, AttributeError) as error:
            raise self.error("a document is not shaped like a Kubernetes object", self._line_of(line, context)) from error

    def error(self, problem: str, line: int | None) -> TemplateError:
        where = self._shown if line is None else f"{self._shown}:{line}"
        return TemplateError(f"{where}: {problem}", file=self._shown, line=line)

    def _rendered(self, template: jinja2.Template, context: Mapping[str, Any], holes: _Holes) -> str:
        try:
            return template.render(context, _holes=holes)
        except Fault as fault:
            raise self.error(fault.problem, self._line_in(fault)) from fault
        except jinja2.TemplateError as error:
            raise self.error(error.message or type(error).__name__, self._line_in(error)) from error
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            # The text of such an error may quote a value; the chained cause keeps it for whoever debugs.
            raise self.error(f"an expression failed with {type(error).__name__}", self._line_in(error)) from error

    def _check_source(self) -> None:
        for number, line in enumerate(self._source.splitlines(), 1):
            if any(character in line for character in (OPEN, CLOSE, _MARK_OPEN, _MARK_CLOSE)):
                raise self.error("the characters U+E000 to U+E003 are kept for the renderer", number)
        for node in _ENVIRONMENT.parse(self._source).find_all(_FORBIDDEN_NODES):
            raise self.error(f"a template may not use {type(node).__name__.lower()}: values would become text too early", node.lineno)

    def _line_in(self, error: BaseException) -> int | None:
        """The template's line of a failed expression: Jinja rewrites tracebacks to the template's own name and lines."""
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._shown:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def _line_of(self, rendered_line: int, context: Mapping[str, Any]) -> int | None:
        """The template's line behind a line of the rendered text, found by rendering again with every line marked."""
        marked = _ENVIRONMENT.parse(self._source)
        for data in marked.find_all(nodes.TemplateData):
            lines = enumerate(data.data.split("\n"), data.lineno)
            data.data = "\n".join(f"{_MARK_OPEN}{number}{_MARK_CLOSE}{line}" for number, line in lines)
        text = self._rendered(_compile(marked, self._shown), context, _Holes())
        found = last = None
        for line in text.split("\n")[:rendered_line]:
            # A line whose beginning has no mark continues an expression or a block of the marked line before it.
            head = _MARKS.match(line)
            found = int(head[1]) if head else last
            last = next((int(mark[1]) for mark in reversed(list(_MARKS.finditer(line)))), last)
        return found


@dataclass(slots=True)
class _Holes:
    """The values of one rendering, by the index of their holes."""

    values: list[Any] = field(default_factory=list)


@jinja2.pass_context
def _leave_hole(context: Context, value: Any) -> str:
    """Jinja's `finalize`: instead of the value its hole goes into the text. With a context, so that constants are not folded earlier."""
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises UndefinedError, which tells the name
    values = context["_holes"].values
    values.append(plain(value))
    return hole(len(values) - 1)


def _b64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _url_quote(value: str) -> str:
    """For the user part of a URL: everything but letters, digits and `_.-~` is percent-encoded."""
    return quote(value, safe="")


def _env_value(value: str) -> str:
    """For `env.value`, where Kubernetes expands $(NAME): a doubled dollar stands for itself."""
    return value.replace("$", "$$")


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_leave_hole,
        autoescape=False,  # no value becomes text here, neither YAML nor HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "b64": _b64,
        "url_quote": _url_quote,
        "env_value": _env_value,
    }
    environment.filters.update(filters)
    return environment


_ENVIRONMENT = _environment()


def _compile(tree: nodes.Template, shown: str) -> jinja2.Template:
    code = _ENVIRONMENT.compile(tree, shown, shown)
    return jinja2.Template.from_code(_ENVIRONMENT, code, dict(_ENVIRONMENT.globals))


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Document, ...]:
    """Stores of the same shape render to the same text: what differs is in the holes."""
    return parse(text)
