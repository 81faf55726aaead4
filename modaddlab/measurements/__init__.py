"""What is computed once for a record and kept: each module measures one thing about a `Study`.

    measurements.motion.activity(study)

gives how its neurons work at every snapshot: from the cache, or computed and kept there (`Study.remember`,
`modaddlab.store.derived`). The functions that are remembered take a study and arguments that JSON can hold, depend on nothing
else, and return arrays by name; around them stand functions that return something readable. Chapters and claims read these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modaddlab import lazy

if TYPE_CHECKING:
    from modaddlab.measurements import (
        motion,
    )

__getattr__, __dir__, __all__ = lazy.names(__name__, __file__)
