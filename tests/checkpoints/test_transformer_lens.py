"""What is written for TransformerLens is read back by us, and by TransformerLens itself where it is installed.

It brings a gigabyte of other packages, so that it is in an extra of its own: `pip install -e '.[lens]'`. Versions 2 and 3 have
HookedTransformer; later ones have the bridge alone, and a converter of HookedTransformer's weights.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modaddlab
from modaddlab import LabError, Store, Study, tasks
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.read import read
from modaddlab.write import main, write

P = 7
SHAPE: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
NETWORKS = {
    "plain": TransformerSpec(**SHAPE),
    "p outputs, gelu, no biases": TransformerSpec(**SHAPE, predict_equals=False, activation="gelu", mlp_biases=False),
    "two layers, LayerNorm": TransformerSpec(**SHAPE, n_layers=2, layer_norm=True),
}


def study_of(model: Any, tmp_path: Path) -> Study:
    rng = np.random.default_rng(1)
    drawn = model.init_params(P, 1).items()
    return Study.from_weights(
        {name: x + 0.3 * rng.standard_normal(x.shape) for name, x in drawn}, model, P, data=tmp_path / "data"
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_our_own_reader_reads_it_back(network: str, tmp_path: Path) -> None:
    study, file = study_of(NETWORKS[network], tmp_path), tmp_path / "lens.pt"
    assert main([study.record.run_id, str(file), "--data", str(tmp_path / "data")]) == 0
    fields: dict[str, Any] = {} if study.spec.model.activation == "relu" else {"activation": study.spec.model.activation}
    again = Study(read(file, Store(tmp_path / "data"), **fields))
    assert np.abs(again.grid.logits_PPC - study.grid.logits_PPC).max() < 1e-5


def theirs(config: dict[str, Any], state: dict[str, torch.Tensor]) -> Any:
    """TransformerLens's network with these weights."""
    lens: Any = pytest.importorskip("transformer_lens", reason="TransformerLens is not installed: pip install -e '.[lens]'")
    if int(importlib.metadata.version("transformer-lens").split(".")[0]) < 4:
        network = lens.HookedTransformer(lens.HookedTransformerConfig(**config, device="cpu"))
        network.load_state_dict(state, strict=True)
        return network
    inside = "transformer_lens.{}".format
    later: Any = importlib.import_module(inside("config")).TransformerBridgeConfig(**config)
    network = importlib.import_module(inside("model_bridge")).TransformerBridge.boot_native(later, device="cpu")
    convert = importlib.import_module(inside("utilities.tl_checkpoint_conversion")).convert_tl_checkpoint
    network.load_state_dict(convert(state, later), strict=True)
    return network


def furthest(study: Study, file: Path) -> float:
    """How far any logit of their network is from ours, both in float64."""
    p, config = study.p, study.to_transformer_lens(file)
    network = theirs(config, torch.load(file, weights_only=True)).to(torch.float64)
    tokens_B3 = torch.cat([torch.tensor(tasks.all_pairs(p)), torch.full((p * p, 1), p)], dim=1)
    with torch.no_grad():
        logits_BC = network(tokens_B3)[:, -1, :p].numpy()
    return float(np.abs(logits_BC - study.grid.logits_PPC.reshape(p * p, p)).max())


@pytest.mark.filterwarnings("ignore:HookedTransformer is deprecated:DeprecationWarning")  # of version 3
@pytest.mark.parametrize("network", NETWORKS)
def test_transformer_lens_reads_it(network: str, tmp_path: Path) -> None:
    assert furthest(study_of(NETWORKS[network], tmp_path), tmp_path / "lens.pt") < 1e-5


@pytest.mark.filterwarnings("ignore:HookedTransformer is deprecated:DeprecationWarning")
def test_transformer_lens_reads_the_mainline(tmp_path: Path) -> None:
    assert furthest(Study.open("mainline"), tmp_path / "lens.pt") < 1e-5


def test_what_it_has_no_place_for_is_refused(tmp_path: Path) -> None:
    two_layer = study_of(TwoLayerSpec(d_mlp=10), tmp_path)
    for study in (two_layer, modaddlab.closed_form("clock", P, frequencies=[1, 2])):
        with pytest.raises(LabError, match="TransformerLens"):
            study.to_transformer_lens(tmp_path / "lens.pt")
    assert not (tmp_path / "lens.pt").exists()


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "lens.pt").write_text("mine")
    for file in ("lens.pt", "nowhere/lens.pt"):
        with pytest.raises(LabError):
            study_of(NETWORKS["plain"], tmp_path).to_transformer_lens(tmp_path / file)
    assert (tmp_path / "lens.pt").read_text() == "mine"


def test_of_two_that_write_one_file_at_once_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, save = tmp_path / "net.pth", torch.save

    def meanwhile(*arguments: Any) -> None:
        save(*arguments)
        file.write_bytes(b"the other's")

    monkeypatch.setattr(torch, "save", meanwhile)
    with pytest.raises(LabError, match="is there already"):
        write(study_of(NETWORKS["plain"], tmp_path).record, file)
    assert file.read_bytes() == b"the other's"
