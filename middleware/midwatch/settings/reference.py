"""The schema as a page for people, as rows for programs, and the answer to one question."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .environment import VARIABLES
from .schema import Settings
from .section import REQUIRED, fields_of
from .shown import literal, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .section import Field, Section

__all__ = ["Row", "complete_example", "explained", "find", "markdown", "rows"]

WIDTH: Final = 100

INTRO: Final = """\
# Settings

This page is made from the schema by `midwatch settings --markdown`; change `middleware/midwatch/settings/`, not it.

Settings are one dict, given to `midwatch.install(app, settings)`, or found in `app.config["MIDWATCH"]` (Flask) or
`settings.MIDWATCH` (Django). None is needed. What is absent or `None` has its default. `False` in place of the section
switches one of the six off: `"audit": False`.

Everything is checked when the service starts. An unknown name, a wrong type, a module that cannot be imported or an
impossible value stops the start with a `SettingsError` that tells every problem, its place and its remedy. The same
without a start, and one setting explained:

```sh
midwatch check orders.config:MIDWATCH
midwatch check --explain log.to
```

All of it at once:

```python
MIDWATCH = {example}
```

## Variables

The dict wins over them.

| variable | sets |
| --- | --- |
{variables}
"""


class Row(NamedTuple):
    """
    One setting, as the reference tells it.

    Attributes:
        path: `NAME` in it stands for a name that the user chooses.
        expected: What it takes.
        default: As a Python literal; empty where it has to be given, or where it is a section.
        meaning: What it does, and why one would change it.
        example: A value for it; None for a section.
    """

    path: str
    expected: str
    default: str
    meaning: str
    example: Any


def rows(kind: type[Section] = Settings, prefix: str = "") -> Iterator[Row]:
    """All settings below a section; a section comes before its own."""
    for name, field in fields_of(kind).items():
        inner = field.setting.kind.section
        named = field.setting.kind.named
        path = prefix + name
        if inner is None or named:
            yield Row(path, field.setting.kind.expected, _default(field), field.setting.meaning, field.setting.example)
        if inner is not None:
            path = f"{path}.{named}" if named else path
            expected = "a dict of settings" if named else field.setting.kind.expected
            yield Row(path, expected, "", inspect.cleandoc(inner.__doc__ or ""), None)
            yield from rows(inner, f"{path}.")


def _default(field: Field) -> str:
    if field.default is REQUIRED:
        return ""
    return "not set" if field.default is None else literal(plain(field.default))


def find(path: str) -> list[Row]:
    """
    What a *path* as in a message names: the setting, or the section and all of its settings; empty for nothing.

    `trace.to[0]` is `trace.to`, `audit.rules[0].mode` is `audit.rules.ITEM.mode`, and `health.checks.database` is
    `health.checks.NAME`; `ROUTE` stands for what has no setting of its own.
    """
    asked = re.sub(r"\[\d+\]", "", re.sub(r"\[\d+\]\.", ".ITEM.", path)).removesuffix(".ROUTE").split(".")
    known = list(rows())
    for row in known:
        parts = row.path.split(".")
        if len(parts) == len(asked) and all(part in {name, "NAME"} for part, name in zip(parts, asked, strict=True)):
            return [row, *(other for other in known if row.example is None and other.path.startswith(f"{row.path}."))]
    return []


def complete_example() -> dict[str, Any]:
    """A dict with every setting in it."""
    example: dict[str, Any] = {}
    for row in rows():
        *sections, name = row.path.split(".")
        if row.example is not None and not any(section.isupper() for section in sections):
            inner = example
            for section in sections:
                inner = inner.setdefault(section, {})
            inner[name] = row.example
    return example


def _spread(value: Any, indent: int = 0) -> str:
    """*value* as Python, over several lines where one is not enough."""
    line = literal(value)
    if not isinstance(value, dict) or (indent and len(line) + indent < WIDTH):
        return line
    inner = " " * (indent + 4)
    items = "".join(f"{inner}{literal(key)}: {_spread(item, indent + 4)},\n" for key, item in value.items())
    return f"{{\n{items}{' ' * indent}}}"


def explained(row: Row) -> str:
    """One setting, for a terminal."""
    lines = [row.path, f"  {row.meaning}", f"  takes    {row.expected}"]
    if row.example is not None:
        lines.append(f"  default  {row.default or 'none: it has to be given'}")
        lines.append(f"  example  {literal(row.path.rpartition('.')[2])}: {literal(row.example)}")
    return "\n".join(lines)


def markdown() -> str:
    """The page."""
    variables = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items())
    parts = [INTRO.format(example=_spread(complete_example()), variables=variables)]
    sections: dict[str, list[Row]] = {"": []}
    about: dict[str, Row] = {}
    for row in rows():
        if row.example is None:
            about[row.path] = row
            sections[row.path] = []
        else:
            sections[row.path.rpartition(".")[0]].append(row)
    for path, settings in sections.items():
        title = f"`{path}`" if path else "At the top"
        meaning = f"{about[path].meaning}{_how_off(about[path])}\n\n" if path else ""
        parts.append(f"## {title}\n\n{meaning}{_table(settings)}\n")
    return "\n".join(parts)


def _how_off(row: Row) -> str:
    return " `False` switches it off." if row.expected.endswith("or False") else ""


def _table(settings: list[Row]) -> str:
    lines = ["| setting | takes | default | meaning | example |", "| --- | --- | --- | --- | --- |"]
    for row in settings:
        default = f"`{row.default}`" if row.default not in {"", "not set"} else row.default or "has to be given"
        name = row.path.rpartition(".")[2]
        lines.append(f"| `{name}` | {row.expected} | {default} | {row.meaning} | `{literal(row.example)}` |")
    return "\n".join(lines)
