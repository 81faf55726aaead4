"""A Python kernel for one chapter: started in the project's folder, gone when the chapter is done, whatever happened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from .errors import BookError

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""As in `_environment`, which Quarto reads: both engines compute the same digits, and processes do not wait for each other."""

START_SECONDS = OUTPUT_SECONDS = 600
"""How long a kernel may take to start, and outputs to follow the end of their cell: on a busy machine both are slow, and nbclient
would leave out, without a word, what it has not taken in after four seconds."""


@asynccontextmanager
async def client_of(notebook: NotebookNode, folder: Path) -> AsyncIterator[NotebookClient]:
    """A client whose `async_execute` runs the notebook in a fresh kernel.

    nbclient would start the kernel itself, but leave it running when it is cancelled in the middle of that.

    Args:
        notebook: is filled in.
        folder: the kernel's working folder, the first place that its imports look in.

    Raises:
        BookError: the kernel does not start.
    """
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:
        # sockets in a folder of our own: two kernels that start at once cannot take each other's ports
        transport = {"transport": "ipc", "connection_file": f"{sockets}/kernel.json"} if os.name == "posix" else {}
        manager = AsyncKernelManager(kernel_name=KERNEL["name"], **transport)
        # jupyter-cache's key covers the cells' metadata, and timings would be there
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=None,
            startup_timeout=START_SECONDS,
            iopub_timeout=OUTPUT_SECONDS,
            raise_on_iopub_timeout=True,
            record_timing=False,
        )
        try:
            environment = ONE_THREAD | os.environ
            history = ["--HistoryManager.hist_file=:memory:"]
            await manager.start_kernel(cwd=str(folder), env=environment, extra_arguments=history)
            try:
                await client.async_start_new_kernel_client()
            except RuntimeError as error:
                said = " ".join(str(error).split())
                raise BookError(None, f"no Python kernel starts ({said}); try: pip install --force-reinstall ipykernel") from None
            yield client
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)
