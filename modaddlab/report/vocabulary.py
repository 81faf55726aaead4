"""What a source may say: for each place the options, attributes and keys that are known, and the values they may have.

Quarto knows many more. One that is not listed here would be passed over silently by the built-in renderer, and the two
engines would make two different books; so it is refused, with its line. An option of which we follow one value only (the
language, the size of the paper) is listed with that value, and any other is refused too.

A table is written as words, `name:kind`. A kind is one of `KINDS`, or the very value; several are divided by `|`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from .errors import BookError, Place

KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "any": ("anything", lambda value: True),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "count": ("a whole number above 0", lambda value: type(value) is int and value > 0),
    "number": ("a number above 0", lambda value: type(value) in (int, float) and value > 0),
    "text": ("a text", lambda value: isinstance(value, str | int | float | datetime.date) and not isinstance(value, bool)),
    "texts": ("a list of texts", lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)),
    "paths": ("one or more paths", lambda value: bool(value) and all(isinstance(path, str) for path in _several(value))),
    "filters": ("a list of Lua filters", lambda value: isinstance(value, list) and all(map(_is_filter, value))),
    "path": ("a path", lambda value: isinstance(value, str)),
    "folder": ("a folder", lambda value: isinstance(value, str)),
    "name": ("a name without folders", lambda value: isinstance(value, str) and _is_name(value)),
    "label": ("a text of letters, digits and hyphens", lambda value: isinstance(value, str) and _is_label(value)),
    "address": ("an address that begins with https://", lambda value: isinstance(value, str) and value.startswith("https://")),
    "actions": ("some of edit, source, issue", lambda value: bool(value) and set(_several(value)) <= {"edit", "source", "issue"}),
    "percent": ("a share such as 80%", lambda value: isinstance(value, str) and _is_share(value)),
    "styles": ("one or more .scss files", lambda value: _ends(value, ".scss")),
    "own": ("files or commands of this package", lambda value: _begins(value, ("python -m modaddlab.", "modaddlab/"))),
}
"""Kinds of values: what to call one, and whether a value is one."""

Table = Mapping[str, Any]
"""name -> kind, or the table of what lies below the name."""


def words(text: str) -> dict[str, Any]:
    """A table from words such as `echo:flag`."""
    return dict(word.split(":", 1) for word in text.split())


_EXECUTE = words("cache:flag daemon:any echo:flag eval:flag freeze:false include:flag output:flag|asis warning:flag")
_EVERYWHERE = words("code-fold:flag|show code-summary:text toc:true toc-depth:count") | {"execute": _EXECUTE}
_FIGURES = words("fig-width:number fig-height:number fig-format:svg|png|jpeg|retina fig-dpi:count")
_HTML = _EVERYWHERE | words(
    "code-copy:false css:paths html-math-method:mathml lightbox:true respect-user-color-scheme:true"
) | {"theme": words("light:styles dark:styles")}  # fmt: skip
_TYPST = words("citeproc:true include-in-header:own papersize:a4 template-partials:own toc:true toc-depth:2") | {
    "execute": words("echo:flag")
}

CHAPTER = _EVERYWHERE | _FIGURES | words("description:text jupyter:python3 title:text")
"""The front matter of a chapter, and a folder's `_metadata.yml`."""

PROJECT = _EVERYWHERE | _FIGURES | words(
    "bibliography:paths csl:path editor:any filters:filters hide-description:true html-math-method:mathml jupyter:python3 "
    "lang:en|en-GB|en-US "
    "link-citations:true number-depth:count number-sections:true"
) | {
    "project": words("execute-dir:project output-dir:folder post-render:own pre-render:own preview:any "
        "resources:paths type:any"),
    "book": words(
        "appendices:any author:text|texts chapters:any date:text description:text downloads:pdf|[pdf] favicon:path image:path "
        "open-graph:true output-file:name page-footer:text page-navigation:true repo-actions:actions repo-branch:name "
        "repo-url:address search:true sidebar:any site-url:address subtitle:text title:text twitter-card:true"
    ),
    "format": {"html": _HTML, "typst": _TYPST},
}  # fmt: skip
"""`_quarto.yml`. The sidebar's looks and the preview are Quarto's alone."""

CELL = words(
    "label:label echo:flag eval:flag include:flag output:flag|asis warning:flag code-fold:flag|show code-summary:text "
    "fig-cap:text fig-alt:text|texts fig-subcap:texts tbl-cap:text layout-ncol:count renderings:[light,dark] "
    "column:body|body-outset|margin|page|screen"
)

_FORMATS = "html|html:js|typst|pdf"
_CONDITIONS = words(f"when-format:{_FORMATS} unless-format:{_FORMATS}")
ATTRIBUTES: dict[str, Table] = {
    "callout": words("title:text collapse:flag icon:false appearance:default"),
    "Div": _CONDITIONS | words("layout-ncol:count hidden:hidden figure:text shows:text at:once"),
    "Span": _CONDITIONS | words("to:text"),
    "Image": words("alt:text fig-alt:text width:percent"),
    "Link": words("download:text rel:text target:text"),
}
"""The attributes of pandoc's elements and of callouts; an element that is not here has none."""

_HINTS = {"number-sections": "a chapter without a number begins with `# Title {.unnumbered}`"}


def refusal(name: str, value: Any, table: Table, where: str) -> str | None:
    """Why a name with its value cannot stand in a place, or None when it can.

    Args:
        name: an option, attribute or key.
        value: what it is given.
        table: what is known in that place.
        where: the place in words, such as "a cell".
    """
    if name not in table:
        known = f"it knows {', '.join(sorted(table))}" if table else "there are none"
        return f"the built-in renderer does not know `{name}` for {where}; {_HINTS.get(name, known)}"
    kind = table[name]
    if isinstance(kind, Mapping):
        return None if value is None or isinstance(value, dict) else f"`{name}` must be a table of `key: value` lines"
    if any(_fits(value, one) for one in kind.split("|")):
        return None
    allowed = " or ".join(KINDS[one][0] if one in KINDS else f"`{one}`" for one in kind.split("|"))
    hint = f"; {_HINTS[name]}" if name in _HINTS else ""
    return f"`{name}` must be {allowed} here, found `{_spelled(value)}`{hint}"


def read_yaml(text: str, place: Place, table: Table, where: str, offset: int = 0) -> dict[str, Any]:
    """Parse YAML and refuse what is not in the table.

    Args:
        text: the YAML.
        place: the file it stands in, for messages.
        table: the keys that may occur.
        where: what has these keys, in words.
        offset: lines of the file before the text.

    Raises:
        BookError: not YAML, no table, an unknown key, or a value of another kind.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        values = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 + offset if error.problem_mark else 0
        raise BookError(Place(place.path, line), f"is not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BookError(Place(place.path, 1 + offset), f"is not valid YAML: {str(error).splitlines()[0]}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise BookError(Place(place.path, 1 + offset), "must be a table of `key: value` lines")
    assert isinstance(node, yaml.MappingNode)
    _refuse(node, values, table, where, place, offset)
    return values


def _refuse(node: yaml.MappingNode, values: Mapping[Any, Any], table: Table, where: str, place: Place, offset: int) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1 + offset
        if key.value in lines:
            raise BookError(Place(place.path, line), f"`{key.value}` stands in line {lines[key.value]} already")
        lines[key.value] = line
    for key, below in node.value:
        name, value = str(key.value), values.get(key.value)
        if problem := refusal(name, value, table, where):
            raise BookError(Place(place.path, lines[name]), problem)
        if isinstance(value, dict) and isinstance(table[name], Mapping):
            _refuse(below, value, table[name], f"`{name}`", place, offset)


def _fits(value: Any, kind: str) -> bool:
    if kind not in KINDS:
        return _spelled(value) == kind
    return KINDS[kind][1](value)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str).replace('"', "")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_filter(value: Any) -> bool:
    return isinstance(value["path"] if isinstance(value, dict) and "path" in value else value, str)


def _is_label(text: str) -> bool:
    return text[:1].isalpha() and text.isascii() and text.replace("-", "").isalnum()


def _is_name(text: str) -> bool:
    return not set(text) & set("/\\\0") and text not in ("", ".", "..")


def _is_share(text: str) -> bool:
    return text.endswith("%") and text[:-1].replace(".", "", 1).isdigit()


def _begins(value: Any, start: tuple[str, ...]) -> bool:
    return all(isinstance(item, str) and item.startswith(start) for item in (value if isinstance(value, list) else [value]))


def _ends(value: Any, end: str) -> bool:
    return all(isinstance(item, str) and item.endswith(end) for item in (value if isinstance(value, list) else [value]))
