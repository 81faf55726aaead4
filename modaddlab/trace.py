"""What an execution depended on, be it of a chapter or of a measurement: the files it read, the folders it listed.

The text of this module is executed inside a chapter's kernel, before the first cell (so it stands alone and uses the
standard library only). An audit hook (PEP 578) notes every file that Python opens and every folder that it lists below
the project's roots, with the hash that it has just before its first use; at the end the modules that were imported from
there are added. Whoever keeps a result (`modaddlab.report.cache`, `modaddlab.kept`) keeps the list beside it, if all hashes are
still the same after the execution, and takes the result again only while they are.

A record of a run is followed by its manifest, which holds the hashes of all its files and which `modaddlab.store` reads first.
What an audit hook does not see is the question whether a file exists. `modaddlab.store` therefore tells which names it looks
for in the list of runs (the event "modaddlab.list"); a file of a record that was to be opened and is not there is noted too.
"""

import fnmatch
import hashlib
import importlib.util
import json
import os
import sys

_IGNORED = (".cache", ".git", ".venv", "__pycache__", "_book")


def digest(path):
    """The hash of a file's content or of the names in a folder, in hexadecimal; "absent" for what is neither.

    Of a folder with a pattern, such as "runs/mainline-*", it is the hash of the names that fit.
    """
    folder, pattern = os.path.split(path) if set(path) & set("*?") else (path, "*")
    try:
        if os.path.isdir(folder):
            names = sorted(name for name in os.listdir(folder) if not name.startswith((".", "__pycache__")))
            return hashlib.sha256(json.dumps(fnmatch.filter(names, pattern)).encode()).hexdigest()
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "absent"


def _importing(frame):
    """Whether the import system itself is looking through its folders; the modules it finds are noted anyway."""
    return frame.f_code.co_filename.startswith("<frozen importlib")


def _source(path):
    """The source of a compiled module; any other file itself."""
    try:
        return importlib.util.source_from_cache(path) if path.endswith(".pyc") else path
    except ValueError:
        return path


class Trace:
    """Notes what is read below `roots`, of which the last has the records, from its creation until `report`."""

    def __init__(self, roots):
        self.roots = [os.path.realpath(root) for root in roots]
        self._hashes = {}
        self._seen = set()
        self._told = None
        self._busy = False
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if self._busy:  # with looking at something itself
            return
        if event == "open" and isinstance(arguments[0], str):
            mode = arguments[1]
            if mode is None or not set(mode) & set("wax+"):
                self._note(arguments[0])
        elif event == "modaddlab.list":
            self._note(os.path.join(*arguments))
            self._told = arguments[0]  # it lists this folder next, for these names
        elif event in ("os.listdir", "os.scandir") and not _importing(sys._getframe(1)):
            folder, told, self._told = str(arguments[0] or os.getcwd()), self._told, None
            is_package = os.path.isfile(os.path.join(folder, "__init__.py"))  # its modules are noted when they are imported
            if folder != told and not is_package and os.path.isdir(folder):
                self._note(folder)

    def report(self, modules=True):
        """What was read below the roots since the last report: {absolute path: hash just before its first use}.

        Args:
            modules: whether all that is imported counts as read.
        """
        for module in list(sys.modules.values()) if modules else ():
            if isinstance(path := getattr(module, "__file__", None), str):
                self._note(path)
        found, self._hashes, self._seen = self._hashes, {}, set()
        data = self.roots[-1] + os.sep

        def is_there(path, then):
            return os.path.exists(path) or set(path) & set("*?") or (then == "absent" and path.startswith(data))

        return {path: then for path, then in sorted(found.items()) if is_there(path, then)}

    def _note(self, path):
        path = self._followed(os.path.abspath(_source(path)))
        if path not in self._seen:
            self._seen.add(path)
            inside = self._within(path)
            if inside and inside not in self._hashes:
                self._busy = True
                self._hashes[inside] = digest(inside)
                self._busy = False

    def _followed(self, path):
        """The manifest in whose folder a file lies, if there is one; otherwise the file itself."""
        folder = os.path.dirname(path)
        while len(folder) > 1 and any(folder.startswith(root + os.sep) for root in self.roots):
            if os.path.isfile(manifest := os.path.join(folder, "manifest.json")):
                return manifest
            folder = os.path.dirname(folder)
        return path

    def _within(self, path):
        path = os.path.realpath(path)
        for root in self.roots:
            if path.startswith(root + os.sep):
                parts = path[len(root) :].split(os.sep)
                return None if any(part in _IGNORED for part in parts) else path
        return None
