"""Published claims as data, measured on our networks and judged.

claim         what a claim is, the tolerances, and the rule by which it is judged
nanda, ...    the claims, a module for each group of sources; `ledger` has them all
quantities    what they are about, measured from a study
scorecard     every claim measured: `findings`, and how many got which verdict: `counts`
page          the scorecard as tables for the site and for print
"""

from modaddlab.claims.claim import VERDICTS
from modaddlab.claims.page import SOURCES, columns, print_tables, site_table, tolerances, verdict_text
from modaddlab.claims.scorecard import Finding, counts, findings

__all__ = [
    "SOURCES",
    "VERDICTS",
    "Finding",
    "columns",
    "counts",
    "findings",
    "print_tables",
    "site_table",
    "tolerances",
    "verdict_text",
]
