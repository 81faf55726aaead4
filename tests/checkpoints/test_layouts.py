"""Other people's layouts: our own weights, written in each and read back as a record; and one line for whatever is wrong."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from modaddlab import LabError, Store, Study, tasks, verify
from modaddlab.checkpoints import LAYOUTS
from modaddlab.experiments.overrides import with_overrides
from modaddlab.models.network import Network
from modaddlab.models.registry import AttentionRateSpec, LinearLayersSpec, TransformerSpec, TwoEmbeddingsSpec, TwoLayerSpec
from modaddlab.read import main, read
from modaddlab.tasks import TaskSpec
from modaddlab.training.loop import train

P = 7
SHAPE: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
TRANSFORMER = TransformerSpec(**SHAPE)
QUADRATIC = TransformerSpec(**SHAPE, predict_equals=False, activation="quad")

CASES: dict[str, tuple[str, Network, dict[str, Any]]] = {
    "nanda": ("nanda", TRANSFORMER, {}),
    "nanda, p outputs, quadratic": ("nanda", QUADRATIC, {"activation": "quad"}),
    "nanda, two layers": ("nanda", TransformerSpec(**SHAPE, n_layers=2), {}),
    "zhong": ("zhong", AttentionRateSpec(**SHAPE, attention_rate=0.3), {"attention_rate": 0.3}),
    "TransformerLens": ("transformer-lens", TRANSFORMER, {}),
    "TransformerLens, LayerNorm": ("transformer-lens", TransformerSpec(**SHAPE, layer_norm=True, n_layers=2), {}),
    "linear A": ("zhong-linear", LinearLayersSpec(d_mlp=10), {}),
    "linear B": ("zhong-linear", LinearLayersSpec(d_mlp=10, arrangement="B"), {"arrangement": "B"}),
    "linear C": ("zhong-linear", LinearLayersSpec(d_mlp=10, arrangement="C"), {"arrangement": "C"}),
    "linear D": ("zhong-linear", LinearLayersSpec(d_mlp=10, arrangement="D"), {}),
    "chughtai-mlp": ("chughtai-mlp", TwoEmbeddingsSpec(d_model=6, d_mlp=10), {}),
    "embedmlp": ("embedmlp", TwoLayerSpec(d_mlp=10, activation="quad"), {"activation": "quad"}),
}


def some_params(model: Network, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = model.init_params(P, seed).items()
    return {name: (value + 0.3 * rng.standard_normal(value.shape)).astype(np.float32) for name, value in drawn}


def saved(path: Path, arrays: dict[str, np.ndarray], **beside: Any) -> Path:
    tensors = {name: torch.tensor(value) for name, value in arrays.items()}
    torch.save({"model": tensors, **beside} if beside else tensors, path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_in_a_layout_is_read_back(case: str, tmp_path: Path) -> None:
    layout, model, options = CASES[case]
    params = some_params(model)
    file = saved(tmp_path / "Their file.pt", LAYOUTS[layout].write(model, params, P))
    record = read(file, Store(tmp_path / "data"), **options)
    study = Study.open("their-file", data=tmp_path / "data")
    assert study.record.run_id == record.run_id
    assert (record.spec.model, record.spec.task) == (model, TaskSpec(p=P, train_frac=1.0))
    assert record.final.keys() == params.keys()
    assert all(np.array_equal(record.final[name], params[name]) for name in params)
    np.testing.assert_array_equal(study.grid.logits_PPC, model.grid(params, P).logits_PPC)
    origin = record.spec.origin
    assert origin is not None
    assert (origin.file, origin.layout) == ("Their file.pt", layout)
    assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    np.testing.assert_allclose(study.scores.train_loss, record.metrics["train_loss"][-1], rtol=1e-6)
    assert np.isnan(record.metrics["test_loss"]).all()


def test_layouts_turn_matrices_as_the_released_code_has_them() -> None:
    """Nanda et al.: k = einsum('ihd,bpd->biph', W_K, x); z_flat 'b i q h -> b q (i h)', out = W_O z_flat; hidden = W_in x."""
    params = some_params(TRANSFORMER)
    theirs = LAYOUTS["nanda"].write(TRANSFORMER, params, P)
    x = np.random.default_rng(0).standard_normal(12)
    z_nd = np.random.default_rng(1).standard_normal((3, 4))
    keys = np.einsum("ihd,d->ih", theirs["blocks.0.attn.W_K"], x)
    np.testing.assert_allclose(keys, np.einsum("d,ndh->nh", x, params["blocks.0.attn.W_K"]), rtol=1e-5, atol=1e-6)
    out = theirs["blocks.0.attn.W_O"] @ z_nd.reshape(-1)
    np.testing.assert_allclose(out, np.einsum("nd,ndD->D", z_nd, params["blocks.0.attn.W_O"]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(theirs["blocks.0.mlp.W_in"] @ x, x @ params["blocks.0.mlp.W_in"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(theirs["embed.W_E"][:, 3], params["embed.W_E"][3])
    np.testing.assert_array_equal(theirs["unembed.W_U"], params["unembed.W_U"])


@pytest.mark.parametrize("n_layers", [1, 2])
def test_biases_of_heads_are_folded_into_the_mlp(n_layers: int, tmp_path: Path) -> None:
    model, rng = TransformerSpec(**SHAPE, n_layers=n_layers), np.random.default_rng(4)
    params = some_params(model)
    theirs = LAYOUTS["transformer-lens"].write(model, params, P)
    biases = {f"blocks.{i}.attn.b_V": rng.standard_normal((3, 4)).astype("f4") for i in range(n_layers)}
    biases |= {f"blocks.{i}.attn.b_O": rng.standard_normal(12).astype("f4") for i in range(n_layers)}
    zeros = {f"blocks.{i}.attn.b_{name}": np.zeros((3, 4), "f4") for i in range(n_layers) for name in "QK"}
    zeros |= {"unembed.b_U": np.zeros(P + 1, "f4"), "blocks.0.attn.IGNORE": np.array(-1e5, "f4")}
    record = read(saved(tmp_path / "lens.pt", {**theirs, **biases, **zeros}), Store(tmp_path / "data"))
    logits = Study(record).grid.logits_PPC
    for a, b in ((0, 0), (2, 5)):
        x = params["embed.W_E"][[a, b, P]] + params["pos_embed.W_pos"]
        for i in range(n_layers):
            W_Q, W_K, W_V, W_O = (params[f"blocks.{i}.attn.W_{name}"] for name in "QKVO")
            scores = np.einsum("tnh,snh->nts", np.einsum("td,ndh->tnh", x, W_Q), np.einsum("sd,ndh->snh", x, W_K)) / 2
            weights = np.tril(np.exp(scores - scores.max(axis=-1, keepdims=True)))
            pattern = weights / weights.sum(axis=-1, keepdims=True)
            v = np.einsum("sd,ndh->snh", x, W_V) + biases[f"blocks.{i}.attn.b_V"]
            x = x + np.einsum("nts,snh,nhd->td", pattern, v, W_O) + biases[f"blocks.{i}.attn.b_O"]
            hidden = np.maximum(x @ params[f"blocks.{i}.mlp.W_in"] + params[f"blocks.{i}.mlp.b_in"], 0)
            x = x + hidden @ params[f"blocks.{i}.mlp.W_out"] + params[f"blocks.{i}.mlp.b_out"]
        np.testing.assert_allclose(logits[a, b], (x[-1] @ params["unembed.W_U"])[:P], rtol=1e-4, atol=1e-4)


def test_a_record_of_read_weights_never_poses_as_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, data = Store(tmp_path / "data"), tmp_path / "data"
    file = saved(tmp_path / "a.pt", LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER), P))
    record = read(file, store)
    other = read(saved(tmp_path / "b.pt", LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER, 2), P)), store, name="a")
    assert record.run_id != other.run_id
    with pytest.raises(LabError, match="was not trained here"):
        train(record.spec, Store(tmp_path / "elsewhere"))
    with pytest.raises(LabError, match="initial weights"):
        _ = Study(record).initial
    with pytest.raises(LabError, match="mainline is the name of a run that is trained here"):
        read(file, store, name="mainline")
    with pytest.raises(LabError, match=r"unknown field 'origin\.file'"):
        with_overrides(record.spec, ["origin.file=mine.pt"])
    assert verify.main(["--data", str(data)]) == 0
    assert verify.main(["--data", str(data), "--retrain", record.run_id]) == 2
    (record.path / "final.safetensors").write_bytes(b"")
    assert verify.main(["--data", str(data)]) == 1
    assert "read its weights again: python -m modaddlab.read a.pt" in capsys.readouterr().out


def test_a_split_is_named_or_given(tmp_path: Path) -> None:
    file = saved(tmp_path / "net.pt", LAYOUTS["chughtai-mlp"].write(*_net("chughtai-mlp"), P))
    store = Store(tmp_path / "data")
    task = TaskSpec(p=P, train_frac=0.6)
    expected = tasks.train_mask(task, 5)
    for split in ("seed:5", "random-seed:5"):
        record = read(file, store, split=split, train_frac=0.6)
        np.testing.assert_array_equal(Study(record).train_mask_PP, expected)
    np.save(tmp_path / "mask.npy", expected)
    given = read(file, store, split=str(tmp_path / "mask.npy"))
    np.testing.assert_array_equal(Study(given).train_mask_PP, expected)
    for name in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_array_equal(given.metrics[name], record.metrics[name])
    assert len({read(file, store).run_id, record.run_id, given.run_id}) == 3
    assert Store(tmp_path / "data").open(given.run_id).spec == given.spec


def test_initial_weights_are_the_network_s_own(tmp_path: Path) -> None:
    model = TwoLayerSpec(d_mlp=10, activation="quad")
    first, last = some_params(model), some_params(model, 2)
    write, data = LAYOUTS["embedmlp"].write, Store(tmp_path / "data")
    began = saved(tmp_path / "step0.pth", write(model, first, P), epoch=0)
    ended = saved(tmp_path / "step40.pth", write(model, last, P), epoch=40)
    record = read(ended, data, activation="quad", initial=began)
    study = Study(record)
    assert record.metrics["step"].tolist() == [0, 40]
    assert all(np.array_equal(study.initial[name], first[name]) for name in first)
    assert all(np.array_equal(record.final[name], last[name]) for name in last)
    losses = [Study(read(file, data, activation="quad")).metrics["train_loss"][0] for file in (began, ended)]
    np.testing.assert_array_equal(record.metrics["train_loss"], losses)
    assert record.run_id != read(ended, data, activation="quad", initial=ended).run_id
    assert verify.main(["--data", str(tmp_path / "data")]) == 0
    other = saved(tmp_path / "other.pth", write(TwoLayerSpec(d_mlp=9), some_params(TwoLayerSpec(d_mlp=9)), P))
    for initial, words in ((other, "of the same network"), (tmp_path / "none.pth", "none.pth: it must be a file")):
        with pytest.raises(LabError, match=words):
            read(ended, data, activation="quad", initial=initial)
    with pytest.raises(LabError, match="give --steps"):
        read(began, data, activation="quad", initial=began)


def test_safetensors_are_read_as_well(tmp_path: Path) -> None:
    model, params = _net("embedmlp")
    file = tmp_path / "theirs.safetensors"
    save_file(LAYOUTS["embedmlp"].write(model, params, P), file)
    record = read(file, Store(tmp_path / "data"), activation="quad")
    assert all(np.array_equal(record.final[name], params[name]) for name in params)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LabError, match="must be a file of safetensors"):
        read(file, Store(tmp_path / "data"), activation="quad")
    header = b'{"w":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}}'
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(LabError, match=r"'w' must be a plain tensor of real numbers, found a strided torch\.float4"):
        read(file, Store(tmp_path / "data"))


def _net(name: str) -> tuple[Network, dict[str, np.ndarray]]:
    model = CASES[name][1]
    return model, some_params(model)


def _without(name: str) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def _with(name: str, value: Any, dtype: str = "f4") -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    return lambda arrays: {**arrays, name: np.asarray(value, dtype)}


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (_without("blocks.0.mlp.b_in"), {}, "needs the key 'blocks.0.mlp.b_in', found blocks.0.attn.W_K"),
        (_without("embed.W_E"), {}, "is of no known layout"),
        (_without("embed.W_E"), {"layout": "nanda"}, "needs the key 'embed.W_E'"),
        (_with("blocks.0.mlp.W_out", np.zeros((12, 9))), {}, r"'blocks.0.mlp.W_out' must have the shape \(12, 10\).*\(12, 9\)"),
        (_with("embed.W_E", np.zeros((3, 4, 5))), {}, r"'embed.W_E' must have 2 axes, found the shape \(3, 4, 5\)"),
        (_with("unembed.W_U", np.full((12, 8), np.nan)), {}, "'unembed.W_U' must hold finite values"),
        (_with("unembed.W_U", np.full((12, 8), 1e39), "f8"), {}, "'unembed.W_U' must hold finite values"),
        (_with("pos_embed.W_pos", 1.0), {}, "is of no known layout"),
        (_with("embed.W_E", np.zeros((12, 2))), {}, "at least 2 residues, by its shape it has 1"),
        (_with("w\n\x1b[1m", 1.0), {}, r"has no key \"'w\\\\n\\\\x1b\[1m'\""),
        (_with("blocks.0.ln1.w", np.ones(12)), {}, "has no key 'blocks.0.ln1.w'"),
        (dict, {"p": 11}, r"must be --p \(=11\), by the file's shapes it is 7"),
        (dict, {"layout": "zhong", "attention_rate": 0.5}, "must be --layout zhong, by its keys and shapes it is nanda"),
        (dict, {"layout": "torch"}, "must be auto or one of nanda"),
        (dict, {"attention_rate": 0.5}, "--attention-rate is for no transformer network"),
        (dict, {"split": "half"}, "must be none, seed:N"),
        (dict, {"activation": "tanh"}, "must be one of relu"),
        (lambda arrays: {"w": np.zeros(3)}, {}, r"is of no known layout \(keys: w\)"),
    ],
)
def test_what_is_wrong_is_one_line(
    change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    file = saved(tmp_path / "net.pt", change(LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER), P)))
    with pytest.raises(LabError, match=words) as refused:
        read(file, Store(tmp_path / "data"), **options)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data" / "runs").exists()


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("TransformerLens", "blocks.0.attn.b_Q", np.ones((3, 4))),
        ("TransformerLens", "unembed.b_U", np.ones(8)),
        ("TransformerLens, LayerNorm", "blocks.1.attn.b_O", np.ones(12)),
    ],
)
def test_biases_that_have_no_place_are_refused(name: str, key: str, value: np.ndarray, tmp_path: Path) -> None:
    layout, model, _ = CASES[name]
    arrays = {**LAYOUTS[layout].write(model, some_params(model), P), key: value.astype("f4")}
    with pytest.raises(LabError, match="must be 0"):
        read(saved(tmp_path / "net.pt", arrays), Store(tmp_path / "data"))


@pytest.mark.parametrize(
    ("name", "words"), [("zhong", "attention rate"), ("linear B", "--arrangement"), ("embedmlp", "--activation")]
)
def test_what_no_file_tells_is_asked_for(name: str, words: str, tmp_path: Path) -> None:
    layout, model, _ = CASES[name]
    file = saved(tmp_path / "net.pt", LAYOUTS[layout].write(model, some_params(model), P))
    with pytest.raises(LabError, match=words):
        read(file, Store(tmp_path / "data"))


class _Code:
    """A pickle of this makes a folder when it is loaded without care."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize(
    ("save", "found"),
    [
        (torch.save, r"(posix|nt)\.mkdir, and the code of a file is never run"),
        (lambda content, path: path.write_bytes(pickle.dumps(content)), r"content that .* \(it begins with b'\\x80"),
    ],
)
def test_no_code_of_a_file_is_run(save: Callable[[Any, Path], Any], found: str, tmp_path: Path) -> None:
    save({"model": _Code(str(tmp_path / "made"))}, tmp_path / "bad.pt")
    with pytest.raises(LabError, match=f"tensors and plain containers, found {found}"):
        read(tmp_path / "bad.pt", Store(tmp_path / "data"))
    assert not (tmp_path / "made").exists()


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"model": {"w": "text"}}, tmp_path / "words.pt")
    (tmp_path / "bytes.pt").write_bytes(b"q\x00.")  # takes from an empty stack
    (tmp_path / "empty.pt").touch()
    (tmp_path / "folder.pt").mkdir()
    torch.save({"w": torch.zeros(1).expand(10**5, 10**6)}, tmp_path / "repeated.pt")
    with zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10**6))
    refusals = {
        "text": r"plain containers, found content that is damaged or of another kind \(it begins with b'hello'\)",
        "list": "tensors by name, found one list",
        "words": "must be a tensor, found one str",
        "none": "must be a file, .* found none of this name",
        "bytes": "plain containers",
        "empty": "found an empty file",
        "folder": "must be a file, .* found a folder",
        "repeated": r"'w' must hold as many numbers as its shape \(100000, 1000000\) says",
        "packed": "an archive with the compressed part 'archive/data/0'",
    }
    for number, tensor in enumerate(
        [torch.zeros(2, dtype=torch.complex64), torch.eye(2).to_sparse(), torch.eye(2, device="meta")]
    ):
        torch.save({"w": tensor}, tmp_path / f"{number}.pt")
        refusals[str(number)] = "plain tensor of real numbers"
    for name, words in refusals.items():
        with pytest.raises(LabError, match=words):
            read(tmp_path / f"{name}.pt", Store(tmp_path / "data"))


@pytest.mark.parametrize("ending", ["pth", "safetensors", "npy"])
def test_what_may_not_be_read_is_one_line(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = saved(tmp_path / "net.pth", LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER), P))
    forbidden = tmp_path / f"forbidden.{ending}"
    forbidden.touch()
    opened = io.open

    def forbids(file: Any, *arguments: Any, **named: Any) -> Any:
        if Path(file) == forbidden:
            raise PermissionError(errno.EACCES, "permission denied", str(file))
        return opened(file, *arguments, **named)

    monkeypatch.setattr(io, "open", forbids)
    monkeypatch.setattr("builtins.open", forbids)
    file, split = (net, str(forbidden)) if ending == "npy" else (forbidden, "none")
    with pytest.raises(LabError, match="cannot be read: permission denied; change the permissions or name another file"):
        read(file, Store(tmp_path / "data"), split=split)


@pytest.mark.parametrize("content", ["archive", "objects", "text", "long"])
def test_what_is_no_mask_is_one_line(content: str, tmp_path: Path) -> None:
    file, mask = saved(tmp_path / "net.pt", LAYOUTS["chughtai-mlp"].write(*_net("chughtai-mlp"), P)), tmp_path / "mask.npy"
    if content == "archive":
        np.savez(tmp_path / "mask.npz", a=np.eye(P))
        (tmp_path / "mask.npz").rename(mask)
    elif content == "objects":
        np.save(mask, np.array([_Code(str(tmp_path / "made"))], object), allow_pickle=True)
    elif content == "text":
        mask.write_text("hello")
    else:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 10000000), }".ljust(117) + b"\n"
        mask.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(LabError, match=r"must be an array of numbers as np\.save writes it"):
        read(file, Store(tmp_path / "data"), split=str(mask))
    assert not (tmp_path / "made").exists()


def test_biases_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    arrays = LAYOUTS["transformer-lens"].write(TRANSFORMER, some_params(TRANSFORMER), P)
    arrays["blocks.0.attn.b_V"] = np.full((3, 4), np.inf, "f4")
    with pytest.raises(LabError, match="must hold finite values"):
        read(saved(tmp_path / "net.pt", arrays), Store(tmp_path / "data"))


@pytest.mark.parametrize("change", [lambda arrays: arrays.pop("blocks.0.mlp.b_in"), lambda arrays: arrays.update(_bias(3, 9))])
def test_biases_that_fit_no_matrix_are_one_line(change: Callable[[dict[str, np.ndarray]], Any], tmp_path: Path) -> None:
    arrays = LAYOUTS["transformer-lens"].write(TRANSFORMER, some_params(TRANSFORMER), P) | _bias(3, 4)
    change(arrays)
    with pytest.raises(LabError, match="need matrices that fit them"):
        read(saved(tmp_path / "net.pt", arrays), Store(tmp_path / "data"), layout="transformer-lens")


def _bias(*shape: int) -> dict[str, np.ndarray]:
    return {"blocks.0.attn.b_V": np.ones(shape, np.float32)}


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    file = saved(tmp_path / "net.pt", LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER), P))
    content = bytearray(file.read_bytes())
    at = content.index(some_params(TRANSFORMER)["unembed.W_U"].tobytes()[:16])
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(LabError, match="checksum"):
        read(file, Store(tmp_path / "data"))
    content[-6:-2] = (10**7).to_bytes(4, "little")  # where the archive's directory is said to begin: parts lie before the file
    file.write_bytes(content)
    with pytest.raises(LabError, match="damaged"):
        read(file, Store(tmp_path / "data"))


def test_a_number_beside_the_weights_may_be_of_any_size(tmp_path: Path) -> None:
    arrays = LAYOUTS["nanda"].write(TRANSFORMER, some_params(TRANSFORMER), P)
    record = read(saved(tmp_path / "net.pt", arrays, epoch=10**400, loss=float("nan"), other=2), Store(tmp_path / "data"))
    assert record.provenance["said"] == {"other": 2}


def test_the_command_says_what_it_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = LAYOUTS["embedmlp"].write(*_net("embedmlp"), P) | {"mlp.basis": np.eye(P, dtype="f4")}
    data = tmp_path / "data"
    file = saved(tmp_path / "Step 4800.pth", arrays, train_loss=0.25, train_losses=[3.0, 0.5], epoch=4800)
    assert main([str(file), "--activation", "quad", "--data", str(data)]) == 0
    out = capsys.readouterr().out
    (record,) = (Store(data).open(run_id) for run_id in Store(data).runs())
    assert f"all pairs: loss {record.metrics['train_loss'][0]:.4e}" in out
    assert "epoch 4800, train_loss 0.25, train_losses 0.5" in out
    assert record.provenance["said"]["epoch"] == 4800
    assert f"Study.open({record.run_id!r}" in out
    asked = [str(file), "--data", str(data), "--activation", "quad"]
    for wrong in (asked[:-2], [*asked, "--train-frac", "0.4"], [*asked, "--steps", "3"], [*asked, "--name", ""]):
        assert main(wrong) == 2
        assert capsys.readouterr().err.count("\n") == 1
