"""Published claims as data, measured on our networks and judged.

claim         what a claim is, and the tolerances
judgement     what networks say together, and the rule by which a claim is judged
nanda, ...    the claims, a module for each group of sources; `ledger` has them all, `by_id` finds one
suite         how the public suite of sweeps was trained, and the forms of its claims
quantities    what they are about, measured from a study
scorecard     every claim measured: `findings`, and how many got which verdict: `counts`
released      which checkpoints of their authors settle which claims, and what they say
checkpoints   the command that measures them again from the files
page          the scorecard by subject, for the site and for print
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modaddlab import lazy

if TYPE_CHECKING:
    from modaddlab.claims import suite
    from modaddlab.claims.judgement import VERDICTS
    from modaddlab.claims.ledger import by_id, published_texts
    from modaddlab.claims.page import own_weights, show, tally, tolerances
    from modaddlab.claims.scorecard import Finding, counts, findings

__getattr__, __dir__, __all__ = lazy.names(__name__, __file__)
