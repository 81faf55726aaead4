"""The families of networks, by the word that tells them apart in a specification's field "kind"."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modaddlab.models.attention_rate import AttentionRateSpec
from modaddlab.models.linear_layers import LinearLayersSpec
from modaddlab.models.network import Network
from modaddlab.models.transformer import TransformerSpec
from modaddlab.models.two_embeddings import TwoEmbeddingsSpec
from modaddlab.models.two_layer import TwoLayerSpec

__all__ = ["KINDS", "AttentionRateSpec", "LinearLayersSpec", "TransformerSpec", "TwoEmbeddingsSpec", "TwoLayerSpec"]

_FAMILIES = (TransformerSpec, TwoLayerSpec, AttentionRateSpec, TwoEmbeddingsSpec, LinearLayersSpec)

KINDS: Mapping[str, type[Network]] = MappingProxyType({cls().kind: cls for cls in _FAMILIES})
"""Every family; the first is meant where a specification names none."""
