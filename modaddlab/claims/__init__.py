"""Published claims as data, measured on our networks and judged.

claim         what a claim is, the tolerances, and the rule by which it is judged
nanda, ...    the claims, a module for each group of sources; `ledger` has them all, `by_id` finds one
suite         how the public suite of sweeps was trained, and the forms of its claims
quantities    what they are about, measured from a study
scorecard     every claim measured: `findings`, and how many got which verdict: `counts`
page          the scorecard as tables for the site and for print
"""

from modaddlab.claims import suite
from modaddlab.claims.claim import VERDICTS
from modaddlab.claims.ledger import by_id, published_texts
from modaddlab.claims.page import SOURCES, columns, print_tables, site_table, tolerances, verdict_text
from modaddlab.claims.scorecard import Finding, counts, findings

__all__ = [
    "SOURCES",
    "VERDICTS",
    "Finding",
    "by_id",
    "columns",
    "counts",
    "findings",
    "print_tables",
    "published_texts",
    "site_table",
    "suite",
    "tolerances",
    "verdict_text",
]
