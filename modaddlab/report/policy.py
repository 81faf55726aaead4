"""The policy `default-src 'self'` that the site's pages ask the browser to hold them to: scripts and styles come from files.

Whatever pandoc, the book's cells and its authors write into a page stays as they write it, which is what Quarto needs; here it
is moved into files beside the page. A script stays at its place, so that the order is kept; a style sheet goes into the page's
head; a `style` attribute becomes a class, whose rule counts as much as the attribute did. Blocks of data (`application/json`)
stay. What no file can hold - an event handler as an attribute, an address that is its own content - is refused, since a browser
would ignore it.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import NoReturn

from .errors import BookError
from .qmd import Source

POLICY = "default-src 'self'"

COMPILED = f"{POLICY}; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:"
"""The same for a page that loads the compiled core of the interactive pages: it may run, also in a worker."""

_SCRIPTS = {"", "text/javascript", "application/javascript"}
_ADDRESSES = {"href", "src", "srcset", "xlink:href", "poster", "data", "action", "formaction"}
_RELATIVE = re.compile(r"""(url\(\s*['"]?|@import\s+['"])(?![a-z]+:|[/#])""")
_OWN_CONTENT = re.compile(r"url\(\s*['\"]?data:")

Attributes = dict[str, str | None]


def content_in_style(css: str) -> str | None:
    """The beginning of an address in a style sheet that is its own content, which the policy forbids; None when there is none."""
    found = _OWN_CONTENT.search(css)
    return found and found[0]


def of(content: str) -> str:
    """The policy of a page with this content."""
    return COMPILED if re.search(r'<script[^>]* src="[^"]*interactive/', content) else POLICY


def obey(page: str, folder: str, source: Source) -> tuple[str, dict[str, str]]:
    """A page that the policy lets through.

    Args:
        page: the whole page as HTML.
        folder: the name of the folder beside the page in which its files lie.
        source: the chapter, for messages.

    Returns:
        The page, and its scripts and style sheets: address -> content.

    Raises:
        BookError: something that the policy forbids and that cannot be moved into a file.
    """
    inline = _Inline(page, folder, source)
    inline.feed(page)
    inline.close()
    return inline.moved(), inline.files


class _Inline(HTMLParser):
    """Finds what a page holds inline; all else stays as it is, to the letter."""

    def __init__(self, page: str, folder: str, source: Source) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self._page, self._folder, self._source = page, folder, source
        self._lines = [0, *(found.end() for found in re.finditer("\n", page))]
        self._edits: list[tuple[int, int, str]] = []
        self._sheets = ""
        self._rules: dict[str, str] = {}
        self._open: tuple[int, int, Attributes] | None = None

    def moved(self) -> str:
        """The page after all edits."""
        if self._rules:
            self._sheet("\n".join(self._rules.values()) + "\n", {})
        pieces, end = [], 0
        for start, stop, text in self._edits:
            pieces += [self._page[end:start], text]
            end = stop
        return "".join([*pieces, self._page[end:]]).replace("</head>", self._sheets + "</head>", 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start, raw, attributes = self._at(), self.get_starttag_text() or "", dict(attrs)
        self._refuse(tag, attributes, raw)
        if (tag == "script" and "src" not in attributes and (attributes.get("type") or "") in _SCRIPTS) or tag == "style":
            self._open = (start, start + len(raw), attributes)
        elif (style := attributes.pop("style", None)) is not None:
            attributes["class"] = " ".join(filter(None, [attributes.get("class"), self._class(style)]))
            self._edits.append((start, start + len(raw), _tag(tag, attributes, "/>" if raw.endswith("/>") else ">")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("script", "style") or self._open is None:
            return
        (start, content, attributes), self._open = self._open, None
        text, end = self._page[content : self._at()], self._page.index(">", self._at()) + 1
        if tag == "script":
            address = self._file("js", text)
            kept = {name: value for name, value in attributes.items() if name not in ("defer", "async")}  # they meant nothing
            self._edits.append((start, end, _tag("script", {"src": address, **kept}) + "</script>"))
        else:
            self._sheet(text, attributes)
            self._edits.append((start, end, ""))

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _class(self, style: str) -> str:
        """The class that stands for the declarations of a `style` attribute."""
        name = re.sub(r"\s+", "_", re.sub(r"([:;])\s+", r"\1", style.strip().rstrip(";")))
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        self._rules[name] = f'[class~="{quoted}"]:not(#_) {{ {style.strip()} }}'  # an identifier outweighs classes
        return name

    def _sheet(self, css: str, attributes: Attributes) -> None:
        self._refuse_content(css)
        address = self._file("css", _RELATIVE.sub(r"\1../", css))
        self._sheets += _tag("link", {"rel": "stylesheet", "href": address, **attributes}) + "\n"

    def _file(self, ending: str, content: str) -> str:
        number = 1 + sum(address.endswith(ending) for address in self.files)
        address = f"{self._folder}/page-{number}.{ending}"
        self.files[address] = content
        return address

    def _refuse(self, tag: str, attributes: Attributes, raw: str) -> None:
        for name, value in attributes.items():
            address = (value or "").strip().lower() if name in _ADDRESSES else ""
            if name.startswith("on"):
                self._forbid(name, raw, "listen to the event in a script, with `addEventListener`")
            if address.startswith("javascript:"):
                self._forbid("javascript:", raw, "make it a button, and let a script listen to it")
            if address.startswith("data:") and tag != "a":
                self._forbid("data:", raw, "keep the content as a file of the project")
        if tag == "script" and attributes.get("type") == "module" and "src" not in attributes:
            self._forbid("module", raw, "a module does not load from a page on disk either; write a plain script")

    def _refuse_content(self, css: str) -> None:
        if found := content_in_style(css):
            self._forbid("data:", found, "keep the content as a file of the project")

    def _forbid(self, what: str, needle: str, instead: str) -> NoReturn:
        raise BookError(self._source.place(needle), f"the site's policy, {POLICY}, does not allow `{what}`; {instead}")


def _tag(name: str, attributes: Attributes, end: str = ">") -> str:
    pieces = [attribute if value is None else f'{attribute}="{escape(value)}"' for attribute, value in attributes.items()]
    return f"<{' '.join([name, *pieces])}{end}"
