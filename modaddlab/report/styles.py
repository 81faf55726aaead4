"""The book's style sheets: Quarto's SCSS files of `theme: {light: [...], dark: [...]}`, read as CSS.

Both engines take the book's look from these files. Quarto compiles them with Sass; here their variables become CSS custom
properties (`$link-color` is `--link-color`, with one value for each theme), and their rules stay as they are. So a rule may use
what Sass and CSS have in common: nesting with `&`, media queries, the variables, and `//` comments. Anything else of
Sass's is refused with its line. The frame of the built-in site (`theme/site.css`) uses the same properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import policy
from .errors import BookError, Place
from .project import PROJECT_FILE, Book, line_of, read_text

_SECTION = re.compile(r"/\*--\s*scss:(\w+)\s*--\*/")
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL)
_VARIABLE = re.compile(r"\s*\$([\w-]+)\s*:\s*([^;{}]+?)\s*(?:!default\s*)?;")
_NAME = re.compile(r"\$([\w-]+)")
_CLASS = re.compile(r"\.([a-zA-Z][\w-]*)(?=[^{};]*\{)")
_SASS = re.compile(
    r"@(?!media|supports|container|font-face|keyframes|page|layer|property)[\w-]+|#\{|&[\w-]|%[a-zA-Z][\w-]*\s*\{|\$[\w-]+\s*:|"
    r"\$[\w-]+\s*[*+]|[*+]\s*\$|\b(?:darken|lighten|mix|shade-color|tint-color|shift-color|scale-color|adjust-\w+|rgba\(\s*\$|"
    r"map-get|theme-color|if|percentage|[a-z]+\.[a-z-]+)\("
)


@dataclass
class Theme:
    """The style sheets as one text of CSS, and the classes that they have rules for."""

    css: str = ""
    classes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Sheet:
    """One file's variables (name -> value) and its rules."""

    variables: dict[str, str]
    rules: str


def own(book: Book) -> list[str]:
    """The project's plain style sheets (`css` of the html format), relative to its folder."""
    value = book.option("css", default=[])
    return [value] if isinstance(value, str) else list(value)


def read(book: Book) -> Theme:
    """Read the style sheets of both themes.

    Raises:
        BookError: a file that is not there, or one that says something that CSS cannot say.
    """
    theme = book.format("html").get("theme") or {}
    names = {scheme: [files] if isinstance(files := theme.get(scheme, []), str) else files for scheme in ("light", "dark")}
    files = dict.fromkeys([*names["light"], *names["dark"]])
    sheets = {name: _sheet(book, Path(name)) for name in files}
    variables = {scheme: {key for name in names[scheme] for key in sheets[name].variables} for scheme in names}
    pieces = []
    for scheme, selector in (("light", ":root"), ("dark", '[data-theme="dark"]')):
        lines = [f"  --{key}: {value};" for name in names[scheme] for key, value in sheets[name].variables.items()]
        pieces.append("\n".join([f"{selector} {{", *lines, "}"]))
    for name, sheet in sheets.items():
        rules = sheet.rules
        for scheme in names:
            if name in names[scheme]:
                _refuse_undefined(book, Path(name), rules, variables[scheme], scheme)
        if rules.strip() and not (name in names["light"] and name in names["dark"]):
            rules = f'[data-theme="{"light" if name in names["light"] else "dark"}"] {{\n{rules}\n}}'
        pieces.append(rules)
    for path in (Path(name) for name in [*files, *own(book)] if (book.root / name).is_file()):
        text = read_text(book.root, path)
        if found := policy.content_in_style(_COMMENT.sub("", text)):
            message = f"the site's policy, {policy.POLICY}, does not allow an address that is its own content; keep it as a file"
            raise BookError(Place(path, line_of(text, found)), message)
    css = _NAME.sub(r"var(--\1)", "\n".join(pieces))
    plain = "".join(read_text(book.root, Path(name)) for name in own(book) if (book.root / name).is_file())
    return Theme(css + "\n", classes_of(css + plain))


def classes_of(css: str) -> set[str]:
    """The classes that a text of CSS has rules for."""
    return set(_CLASS.findall(_COMMENT.sub("", css)))


def _sheet(book: Book, path: Path) -> _Sheet:
    if not (book.root / path).is_file():
        line = line_of(read_text(book.root, Path(PROJECT_FILE)), path.as_posix())
        raise BookError(Place(Path(PROJECT_FILE), line), f"the style sheet {path} is not there")
    variables, rules = {}, ""
    for line, section, text in _sections(read_text(book.root, path), path):
        if section == "rules":
            if found := _SASS.search(text):
                _refuse(path, line + text.count("\n", 0, found.start()), found[0].strip())
            rules += text
            continue
        end = 0
        while match := _VARIABLE.match(text, end):
            if found := _SASS.search(match[2]):
                _refuse(path, line + text.count("\n", 0, match.start(2)), found[0])
            variables[match[1]] = match[2]
            end = match.end()
        if text[end:].strip():
            number = line + text.count("\n", 0, len(text) - len(text[end:].lstrip()))
            _refuse(path, number, text[end:].strip().splitlines()[0])
    return _Sheet(variables, rules)


def _sections(text: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """The file's sections, each with its first line and name, without comments."""
    marks = [*_SECTION.finditer(text)]
    if not marks or text[: marks[0].start()].strip():
        raise BookError(Place(path, 1), "a style sheet begins with `/*-- scss:defaults --*/` or `/*-- scss:rules --*/`")
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        line = text.count("\n", 0, mark.start()) + 1
        if mark[1] not in ("defaults", "rules"):
            _refuse(path, line, f"scss:{mark[1]}")
        body = text[mark.end() : following.start() if following else len(text)]
        yield line, mark[1], _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), body)


def _refuse(path: Path, line: int, what: str) -> None:
    raise BookError(Place(path, line), f"the built-in renderer takes what Sass and CSS have in common; it cannot take `{what}`")


def _refuse_undefined(book: Book, path: Path, rules: str, known: set[str], scheme: str) -> None:
    for name in _NAME.findall(rules):
        if name not in known:
            line = line_of(read_text(book.root, path), f"${name}")
            raise BookError(Place(path, line), f"`${name}` is in no defaults of the {scheme} theme")
