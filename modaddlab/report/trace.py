"""What a chapter's execution depended on: the files it read, the folders it listed.

The text of this module is executed inside the chapter's kernel, before the first cell (so it stands alone and uses the
standard library only). An audit hook (PEP 578) notes every file that Python opens and every folder that it lists below
the project's roots, with the hash that it has just before its first use; at the end the modules that were imported from
there are added. `cache` keeps the list beside the cached outputs, if all hashes are still the same after the execution,
and takes the outputs from the cache only while they are.

What an audit hook does not see is a file that compiled code opens by itself (safetensors, for one). A record of a run
is therefore followed by its manifest, which holds the hashes of all its files and which `modaddlab.store` reads first.
Nor does it see the question whether a file exists; so the list of runs is always part of what a chapter depends on.
"""

import hashlib
import importlib.util
import json
import os
import sys

_IGNORED = (".cache", ".git", ".venv", "__pycache__", "_book")


def digest(path):
    """The hash of a file's content or of the names in a folder, in hexadecimal; "absent" for what is neither."""
    try:
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if not name.startswith((".", "__pycache__")))
            return hashlib.sha256(json.dumps(names).encode()).hexdigest()
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
    """Notes what is read below `roots` from its creation until `report`."""

    def __init__(self, roots):
        self.roots = [os.path.realpath(root) for root in roots]
        self._hashes = {}
        self._seen = set()
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            mode = arguments[1]
            if mode is None or not set(mode) & set("wax+"):
                self._note(arguments[0])
        elif event in ("os.listdir", "os.scandir") and not _importing(sys._getframe(1)):
            self._note(arguments[0] if isinstance(arguments[0], str) else os.getcwd())

    def report(self):
        """What was read below the roots: {absolute path: hash just before its first use}."""
        for module in list(sys.modules.values()):
            if isinstance(path := getattr(module, "__file__", None), str):
                self._note(path)
        return {path: found for path, found in sorted(self._hashes.items()) if os.path.exists(path)}

    def _note(self, path):
        path = os.path.abspath(_source(path))
        if path not in self._seen:
            self._seen.add(path)  # before its content is looked at, which is noticed by the hook as well
            inside = self._within(path)
            if inside and inside not in self._hashes:
                self._hashes[inside] = digest(inside)

    def _within(self, path):
        path = os.path.realpath(path)
        for root in self.roots:
            if path.startswith(root + os.sep):
                parts = path[len(root) :].split(os.sep)
                return None if any(part in _IGNORED for part in parts) else path
        return None
