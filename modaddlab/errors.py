"""The one error that a user's input can cause.

Everything that a user can get wrong - an unknown run, a value out of range, a damaged record - raises a `LabError` whose
message says what was given, the rule, and the next step. The command lines print it as one line and exit with code 2;
any other exception is a defect of ours and keeps its traceback.
"""

from __future__ import annotations


class LabError(Exception):
    """A problem that the user can solve; the message is one line and names the next step."""
