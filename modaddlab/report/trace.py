"""What a chapter's execution depended on: the files it read, the folders it listed.

The text of this module is executed inside the chapter's kernel, before the first cell (so it stands alone and uses the
standard library only). An audit hook (PEP 578) notes every file that Python opens and every folder that it lists below
the project's roots; at the end the modules that were imported from there are added. `execute` keeps the list, with the
files' hashes, beside the cached outputs, and takes the outputs from the cache only while every hash is still the same.

What an audit hook does not see is a file that compiled code opens by itself (safetensors, for one). A record of a run
is therefore followed by its manifest, which holds the hashes of all its files and which `modaddlab.store` reads first.
Nor does it see the question whether a file exists; so the list of runs is always part of what a chapter depends on.
"""

import os
import sys

_IGNORED = (".cache", ".git", ".venv", "__pycache__", "_book")


def _importing(frame):
    """Whether the import system itself is looking through its folders; the modules it finds are noted anyway."""
    return frame.f_code.co_filename.startswith("<frozen importlib")


class Trace:
    """Notes what is read below `roots` from its creation until `report`."""

    def __init__(self, roots):
        self.roots = [os.path.realpath(root) for root in roots]
        self.files = set()
        self.folders = set()
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            mode = arguments[1]
            if mode is None or not set(mode) & set("wax+"):
                self.files.add(arguments[0])
        elif event in ("os.listdir", "os.scandir") and not _importing(sys._getframe(1)):
            self.folders.add(arguments[0] if isinstance(arguments[0], str) else os.getcwd())

    def report(self):
        """The files and folders below the roots, as absolute paths: {"files": [...], "folders": [...]}."""
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        files = {self._within(path) for path in self.files | modules if isinstance(path, str)}
        folders = {self._within(path) for path in self.folders}
        return {
            "files": sorted(path for path in files if path and os.path.isfile(path)),
            "folders": sorted(path for path in folders if path and os.path.isdir(path)),
        }

    def _within(self, path):
        path = os.path.realpath(path)
        for root in self.roots:
            if path.startswith(root + os.sep):
                parts = path[len(root) :].split(os.sep)
                return None if any(part in _IGNORED for part in parts) else path
        return None
