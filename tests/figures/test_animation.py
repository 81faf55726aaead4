"""A story of frames that do not fit together is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from modaddlab import figures

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import samples

STORY: figures.Story = samples.calls(11)["story_strip"][1][0]


def test_a_story_s_arrays_must_fit() -> None:
    with pytest.raises(ValueError, match="attention_TP must have the shape"):
        figures.Story(**{**vars(STORY), "attention_TP": np.zeros((4, 10))})
    with pytest.raises(ValueError, match=r"test must have the shape \(T=4\)"):
        figures.Story(**{**vars(STORY), "losses": {"test": np.zeros(3)}})
