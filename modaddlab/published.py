"""What others published and a finding sets beside ours: the claims of the ledger take these values from here.

All other published values are in their claims (`modaddlab.claims`), which stand above the findings.
"""

from __future__ import annotations

KEYS = (14, 35, 41, 42, 52)
"""The key frequencies of the published network (Nanda et al. 2023, section 4.1)."""

REPLICATION_KEYS = (4, 11, 14, 26, 35)
"""Those of a public replication with its own setup."""

REPLICATION_STOPPED = {53: 15_000, 71: 20_000}
"""The modulus of two runs of that replication that did not grok, and after how many steps they were stopped."""
