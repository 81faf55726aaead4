"""The one error that a user's input can cause, and what else a user or the machine can cause, in a line each.

Everything that a user can get wrong - an unknown run, a value out of range, a damaged record - raises a `LabError` whose
message says what was given, the rule, and the next step. What the machine does to a user - no memory, no space, a package
that is not installed - is said in the same way by `explain`. The command lines print either as one line and exit with code 2
(`modaddlab.command`); any other exception is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import errno

EXTRAS = {
    "book": (
        "IPython", "jinja2", "jupyter_cache", "jupyter_client", "matplotlib", "matplotlib_inline", "nbclient", "nbformat",
        "panflute", "pypandoc", "sqlalchemy", "typst", "watchfiles", "yaml",
    ),
    "wandb": ("wandb",),
    "cluster": ("dask_jobqueue",),
    "web": ("ziglang",),
}  # fmt: skip
"""What is imported of the packages that are optional, by the extra of pyproject.toml that brings them."""

_DISK = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file would exceed the largest size allowed here; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; name another {folder}",
    errno.EACCES: "permission denied; change the permissions or name another {folder}",
    errno.EPERM: "permission denied; change the permissions or name another {folder}",
    errno.ENOTDIR: "a part of the path is a file, not a folder; name another {folder}",
    errno.EISDIR: "a folder is there in place of a file; remove it or name another {folder}",
    errno.ENAMETOOLONG: "the name is too long for this file system; name another {folder}",
    errno.EIO: "the disk reports an input/output error; check the disk",
    errno.EEXIST: "something else is there in place of a folder; remove it or name another {folder}",
    errno.ELOOP: "links lead in a circle; name another {folder}",
    errno.EBUSY: "the system needs it where it is (a mount point?); name another {folder}",
    errno.ENOLCK: "this file system has no locks; name another {folder}",
    errno.ESTALE: "the file system has lost it; mount it again or name another {folder}",
    errno.EMFILE: "too many files are open at once; raise the limit (ulimit -n)",
}


class LabError(Exception):
    """A problem that the user can solve; the message is one line and names the next step."""


def disk_reason(error: OSError, folder: str = "folder") -> str | None:
    """What a disk did and what helps; None for what no user and no disk causes.

    Args:
        error: what was raised.
        folder: what the user could name another of.
    """
    reason = _DISK.get(error.errno or 0)
    return None if reason is None else reason.format(folder=folder)


def missing_extra(module: str) -> str | None:
    """The line about an optional package that is not installed; None when the package is none of those.

    Args:
        module: what could not be imported, "yaml" or "yaml.loader".
    """
    for extra, modules in EXTRAS.items():
        if module.partition(".")[0] in modules:
            name = module.partition(".")[0]
            return f"the package {name} is not installed; in the checkout: pip install -e '.[{extra}]'"
    return None


def explain(error: BaseException) -> str | None:
    """An error in one line, when a user or the machine caused it.

    Args:
        error: what was raised.

    Returns:
        the line without a full stop at its end, or None: a defect of ours.
    """
    if isinstance(error, LabError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return missing_extra(error.name or "")
    if _lacks_memory(error):
        words = " ".join(str(error).partition("\n")[0].split())
        return f"the memory does not suffice{f' ({words})' if words else ''}; make the network smaller, or end other programs"
    if isinstance(error, OSError):
        reason = disk_reason(error)
        place = error.filename2 or error.filename or "the output"  # of two files the one that was to be written
        return None if reason is None else f"cannot use {place}: {reason}"
    if getattr(error, "errno", None) == errno.EMFILE:  # of a library's own type
        return _DISK[errno.EMFILE]
    return None


def _lacks_memory(error: BaseException) -> bool:
    """Python, NumPy and the system say so by type; torch by its own type on a GPU, and in words on the CPU."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError"
        or any(words in str(error) for words in ("can't allocate memory", "not enough memory", "std::bad_alloc"))
    )
