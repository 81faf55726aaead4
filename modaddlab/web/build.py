"""`python -m modaddlab.web.build`: compiles `core.c` into `scripts/core.wasm.js`, which is part of the package.

The compiler is clang as the pinned package `ziglang` brings it (`pip install -e .[web]`), so that the same source gives the same
bytes everywhere; nobody who renders the book needs it.
"""

from __future__ import annotations

import base64
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

from modaddlab import command

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "scripts" / "core.wasm.js"

FLAGS = (
    "-target", "wasm32-freestanding", "-O3", "-msimd128", "-ffreestanding", "-fno-builtin", "-nostdlib", "-s",
    "-Wall", "-Wextra", "-Wno-sign-compare", "-Wl,--no-entry",
)  # fmt: skip


def compiled() -> bytes:
    """The WebAssembly module of `core.c`.

    Raises:
        ModuleNotFoundError: the compiler is not installed.
        subprocess.CalledProcessError: the source does not compile.
    """
    importlib.import_module("ziglang")  # says which extra brings it
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "core.wasm"
        subprocess.run([sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", target, FOLDER / "core.c"], check=True)
        return target.read_bytes()


def shipped() -> bytes:
    """The WebAssembly module that the package has."""
    return base64.b64decode(SCRIPT.read_text(encoding="utf-8").split('"')[1])


def main() -> int:
    """Compile and write; returns the exit code."""
    module = compiled()
    SCRIPT.write_text(f'var CORE = "{base64.b64encode(module).decode()}";\n', encoding="utf-8", newline="\n")
    print(f"{SCRIPT.name}: {len(module):,} bytes of WebAssembly")
    return 0


if __name__ == "__main__":
    sys.exit(command.run(main))
