"""Checks of a built site, whichever engine built it.

A page must not hold a link or anchor that leads nowhere, an image that is not there or has no alternative text, a
reference that was not resolved, or anything that the browser would fetch from another host. Pages are parsed, not
searched with patterns, so that an address shown as text is not mistaken for a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {
    "img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src", "poster"),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "image": ("href", "xlink:href"), "use": ("href", "xlink:href"),
    "input": ("src",), "track": ("src",),
}  # fmt: skip
"""The attributes whose address a browser fetches by itself."""

_FETCHING_RELATIONS = {"stylesheet", "icon", "shortcut", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch",
    "manifest", "apple-touch-icon"}  # fmt: skip
_CSS_ADDRESS = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SCRIPT_REQUEST = re.compile(
    r"""(?:fetch\(|import\(|import\s|from\s|importScripts\(|\.src\s*=|\.open\([^,()]+,)\s*"""
    r"""['"`]((?:https?:)?//[^'"`]+)"""
)
_UNRESOLVED = re.compile(r"\?@?(?:fig|tbl|eq|sec)-[\w-]+|(?<![\w/])@(?:fig|tbl|eq|sec)-[\w-]+")
_EXTERNAL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


@dataclass(frozen=True)
class Defect:
    """Something wrong with a page; `page` is relative to the site."""

    page: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.message}"


@dataclass
class Page(HTMLParser):
    """What a page holds: identifiers, links, addresses that are fetched, its text, its styles and scripts."""

    ids: set[str] = field(default_factory=set)
    links: list[tuple[int, str]] = field(default_factory=list)
    fetched: list[tuple[int, str]] = field(default_factory=list)
    without_alt: list[tuple[int, str]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    styles: list[tuple[int, str]] = field(default_factory=list)
    scripts: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag in ("code", "pre", "script", "style", "annotation"):
            self._open.append(tag)
        if tag in ("a", "area") and "href" in values:
            self.links.append((line, values["href"]))
        for name in _FETCHED.get(tag, ()):
            if values.get(name):
                self.fetched += [(line, address) for address in _addresses(name, values[name])]
        if tag == "link" and set(values.get("rel", "").split()) & _FETCHING_RELATIONS and values.get("href"):
            self.fetched.append((line, values["href"]))
        if tag == "img" and not values.get("alt") and values.get("role") != "presentation":
            self.without_alt.append((line, values.get("src", "")))
        if "style" in values:
            self.styles.append((line, values["style"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        kind = self._open[-1] if self._open else ""
        target = {"style": self.styles, "script": self.scripts}.get(kind, None if kind else self.texts)
        if target is not None:
            target.append((self.getpos()[0], data))


def read_page(path: Path) -> Page:
    """The links, images, anchors and texts of an HTML file."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def check_site(folder: Path) -> list[Defect]:
    """All defects of the site in a folder, in the order of its pages."""
    folder = folder.resolve()
    pages = {path: read_page(path) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        return [Defect(Path("."), 0, f"{folder} holds no page")]
    defects = [defect for path in pages for defect in _check_page(folder, path, pages)]
    for path in sorted(folder.rglob("*.css")):
        text = _CSS_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), path.read_text(encoding="utf-8"))
        defects += _check_style(folder, path, 1, text)
    for path in sorted(folder.rglob("*.js")):
        defects += _check_script(folder, path, 1, path.read_text(encoding="utf-8"))
    return defects


def _check_page(folder: Path, path: Path, pages: dict[Path, Page]) -> Iterator[Defect]:
    page, name = pages[path], path.relative_to(folder)
    for line, address in page.links:
        if problem := _dead(folder, path, address, pages):
            yield Defect(name, line, f"the link `{address}` {problem}")
    for line, address in page.fetched:
        if address.startswith("data:"):
            continue
        if _EXTERNAL.match(address):
            yield Defect(name, line, f"requests `{address}` from another host")
        elif not _file(folder, path, address).is_file():
            yield Defect(name, line, f"needs `{address}`, and there is no such file")
    for line, address in page.without_alt:
        yield Defect(name, line, f"the image `{address}` has no alternative text")
    for line, text in page.texts:
        for reference in _UNRESOLVED.findall(text):
            yield Defect(name, line, f"the reference `{reference}` was not resolved")
    for line, style in page.styles:
        yield from _check_style(folder, path, line, style)
    for line, script in page.scripts:
        yield from _check_script(folder, path, line, script)


def _dead(folder: Path, path: Path, address: str, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = path if not parts.path else _file(folder, path, address)
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "leads to no file"
    if not target.is_relative_to(folder):
        return "leads out of the site"
    fragment = unquote(parts.fragment)
    if fragment and target in pages and fragment not in pages[target].ids and fragment != "top":
        return f"leads to no `{fragment}` on that page"
    return None


def _check_style(folder: Path, path: Path, line: int, text: str) -> Iterator[Defect]:
    for found in _CSS_ADDRESS.finditer(text):
        address = (found[1] or found[2]).strip()
        number = line + text.count("\n", 0, found.start())
        name = path.relative_to(folder)
        if address.startswith(("data:", "#")):
            continue
        if _EXTERNAL.match(address):
            yield Defect(name, number, f"its style requests `{address}` from another host")
        elif not _file(folder, path, address).is_file():
            yield Defect(name, number, f"its style needs `{address}`, and there is no such file")


def _check_script(folder: Path, path: Path, line: int, text: str) -> Iterator[Defect]:
    for found in _SCRIPT_REQUEST.finditer(text):
        number = line + text.count("\n", 0, found.start())
        yield Defect(path.relative_to(folder), number, f"its script requests `{found[1]}` from another host")


def _file(folder: Path, path: Path, address: str) -> Path:
    """The file that a relative address means."""
    target = unquote(urlsplit(address).path)
    return (folder / target.lstrip("/") if target.startswith("/") else path.parent / target).resolve()


def _addresses(name: str, value: str) -> list[str]:
    return [entry.split()[0] for entry in value.split(",") if entry.split()] if name == "srcset" else [value.strip()]
