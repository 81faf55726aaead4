"""The report of a run: what is in it, that it asks for nothing, that it is kept, and what is refused."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import modaddlab
from modaddlab import LabError, Store, Study, card, tables
from modaddlab.analysis.characters import discrete_logarithms
from modaddlab.checkpoints import LAYOUTS
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import changed, with_overrides
from modaddlab.findings import structure
from modaddlab.findings.networks import with_random_weights
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.read import read
from modaddlab.report.__main__ import main
from modaddlab.reports import beside, criteria, measured, section
from modaddlab.reports.report import Report, check
from modaddlab.reports.sections import SECTIONS
from modaddlab.reports.strips import WIDTH, strip

P, KEYS = 13, [2, 5]
BESIDE = {
    "structure.n_keys": [3.0, 4.0, 5.0],
    "structure.wave_fve": [0.5, 0.6, 0.7],
    "pizza.answering": [0.0, 1.0, 0.0],
    "pizza.symmetricity": [math.nan, 0.9, math.nan],
}


@pytest.fixture(scope="module")
def pizza() -> Study:
    return modaddlab.closed_form("pizza", P, frequencies=KEYS)


@pytest.fixture(autouse=True)
def _few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three networks beside it, whose numbers are given."""
    monkeypatch.setattr(beside, "of", lambda against, studies: BESIDE)


@pytest.fixture(scope="module")
def drawn(pizza: Study) -> Iterator[Report]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "of", lambda against, studies: BESIDE)
        report = Report(pizza)
        assert report.html
        yield report


def test_a_page_asks_for_nothing_and_runs_nothing(drawn: Report) -> None:
    assert "<script" not in drawn.html
    addresses = re.findall(r'(?:src|srcset|href)="([^"]*)"', drawn.html)
    assert len(addresses) > 40
    assert {address[:5] for address in addresses if address[0] != "#"} == {"data:"}
    assert set(re.findall(r"url\((.)", re.sub(r'"data:[^"]*"', "", drawn.html))) == set()
    assert "default-src 'none'" in drawn.html


def test_both_themes_of_each_drawing_are_in_the_page(drawn: Report) -> None:
    pictures = re.findall(r"<picture>(.*?)</picture>", drawn.html)
    assert len(pictures) == len(drawn.measured[0].drawings)
    assert all("(prefers-color-scheme: dark)" in picture for picture in pictures)
    assert '[data-theme="dark"] {' not in drawn.html


def test_a_number_stands_beside_the_seeds_and_its_null(drawn: Report, pizza: Study) -> None:
    text = drawn.measured[0].parts["Waves and key frequencies"]
    assert "find: **2**." in text
    assert re.search(r"\[three seeds: 3 to 5; null: \d+\]", text)  # of random weights: one written by hand has no first ones
    assert str(structure.of(pizza).wave_fve) in drawn.measured[0].parts["Circuit and closed form"]


def test_counts_are_digits_and_seeds_that_have_no_number_are_not_counted(drawn: Report) -> None:
    text = drawn.measured[0].parts["Clock or pizza"]
    assert "has them alone: **0**." in text
    assert "[three seeds: 0 to 1]" in text
    assert "[one of three seeds: 0.900; null: " in text


def test_one_that_multiplies_is_told_of_in_logarithms() -> None:
    """A clock modulo 12 whose residues are named by the powers of 2 modulo 13: its report is that of the clock."""
    clock, log = modaddlab.closed_form("clock", 12, frequencies=[1, 5], scale=0.1), discrete_logarithms(P)
    params = dict(clock.record.final)
    W_E, W_U = params["embed.W_E"], params["unembed.W_U"]
    params["embed.W_E"] = np.concatenate([0 * W_E[:1], W_E[[*log, 12]]])
    params["unembed.W_U"] = np.concatenate([0 * W_U[:, :1], W_U[:, [*log, 12]]], axis=1)
    study = Study.from_weights(
        params, clock.spec.model, P, operation="multiply", train_mask_PP=np.arange(P * P).reshape(P, P) % 3 > 0
    )
    report = Report(study)
    parts = report.measured[0].parts
    assert "to the base 2 it adds modulo 12" in report.html
    waves = parts["Waves and key frequencies"]
    assert waves.index("In waves of the logarithm") < waves.index(measured.RENAMED) < waves.index("The keys: **1, 5**")
    assert all(measured.RENAMED in parts[title] for title in ("Neurons", "Logits", "Circuit and closed form"))
    assert f"explains **{structure.of(study.by_logarithm).wave_fve}** of the logits" in parts["Circuit and closed form"]
    assert structure.of(study.by_logarithm).wave_fve.value > 0.999
    assert measured.RENAMED not in parts["How well it answers"]
    assert "an odd modulus, and that of logarithms is even" in parts["What does not apply, and why"]
    assert study.figure("embedding-circles").axes
    kept = Study.open("multiply")  # the book's, of which the embedding alone is kept
    assert section.lacks(kept, structure.of) == "a record of all final weights (record.weights=all)"


def test_a_network_without_keys_is_told_nothing_of_its_keys() -> None:
    untrained = TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12)
    study = Study.from_weights(untrained.init_params(P, 0), untrained, P)
    assert not study.keys
    parts = Report(study).measured[0].parts
    told = "\n".join(text for title, text in parts.items() if title != measured.LEFT_OUT)
    assert not re.search(r"(The keys:|of the keys|no head follows|sum of waves|waves of one key)", told)


def test_one_that_was_shown_all_pairs_is_asked_to_grok_nowhere() -> None:
    assert criteria.expectation(Study.open("mlp-standard")) == []


def test_a_perfect_network_follows_its_clocks_and_all_its_parts_are_there(drawn: Report) -> None:
    parts = drawn.measured[0].parts
    assert "a + b + 2d to **100.0 %**" in parts["Turning the clocks"]
    assert {"Neurons", "Circuit and closed form", "Logits", "Ablations with random controls"} <= parts.keys()
    assert "the outline is that of an untrained network." in parts["Neurons"]  # it has random weights, since it has no first ones
    assert re.search(r"Gini coefficient of the embedding's spectrum is .*\n.*null: 0\.\d+\]", parts["Waves and key frequencies"])


def test_where_its_weights_come_from_is_said(drawn: Report, tmp_path: Path) -> None:
    assert "Origin: written by hand, the pizza with the frequencies 2, 5, not trained here." in drawn.markdown(columns=False)
    model = TwoLayerSpec(d_mlp=4)
    arrays = LAYOUTS["embedmlp"].write(model, model.init_params(P, 0), P)
    file = tmp_path / "theirs.safetensors"
    save_file(arrays, file)
    study = Study(read(file, Store(tmp_path), activation="relu", split="seed:1", train_frac=0.5))
    facts = card.facts(study.record, study.phases)
    hashed = hashlib.sha256(file.read_bytes()).hexdigest()
    assert facts["origin"] == f"theirs.safetensors (layout embedmlp, sha256 {hashed[:16]}...), not trained here"
    assert facts["task"] == f"a + b modulo {P}, 50% of the pairs are those that count as trained on"


def test_a_figure_is_chosen_by_keyboard_or_touch_to_be_large(drawn: Report) -> None:
    assert drawn.html.count('<figure tabindex="0">') == drawn.html.count("</figure>") > 5


def test_how_well_it_answers_stands_beside_blind_guessing(drawn: Report) -> None:
    text = drawn.measured[0].parts["How well it answers"]
    assert text.count(f"null: {tables.number(math.log(P))}]") == 2
    assert f"null: {tables.percent(1 / P)}]" in text


def test_what_does_not_apply_is_said_with_what_is_missing(drawn: Report) -> None:
    lines = drawn.measured[0].parts["What does not apply, and why"]
    assert "- Needs a two-layer network: Neurons (`findings.waves.of`)." in lines
    assert "- Needs snapshots (record.snapshots): Progress before it shows (`findings.progress.of`)." in lines
    assert "heads that attend" in lines  # its heads attend alike to all residues
    assert "Needs key frequencies" not in lines


def test_a_second_report_measures_nothing(drawn: Report, pizza: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Report(Study(pizza.record))
    monkeypatch.setattr(measured, "_Writer", lambda *arguments: pytest.fail("measured again"))
    assert again.html == drawn.html


def test_a_changed_seed_is_another_report(pizza: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(study: Study, beside: dict[str, list[float]]) -> dict[str, np.ndarray]:
        content = {"parts": {"seen": str(beside["a number of this test"])}, "drawings": {}}
        return {"content": np.frombuffer(json.dumps(content).encode(), np.uint8)}

    monkeypatch.setattr(measured, "measure", measure)
    for numbers in ([3.0, 4.0], [3.0, 9.0]):
        monkeypatch.setattr(beside, "of", lambda against, studies, numbers=numbers: {"a number of this test": numbers})
        assert Report(pizza).measured[0].parts["seen"] == str(numbers)


def test_a_notebook_shows_it_in_a_frame_of_its_own(drawn: Report) -> None:
    assert re.match(r'<iframe sandbox title="closed-form-pizza-\w+"', drawn._repr_html_())


def test_two_networks_stand_side_by_side(pizza: Study) -> None:
    rng = np.random.default_rng(0)
    model = TwoLayerSpec(d_mlp=12)
    weights = {name: rng.standard_normal(shape) for name, shape in model.param_shapes(P).items()}
    report = Report(Study.from_weights(weights, model, P), pizza)
    assert report.html.count('class="layout"') == report.html.count("<h2")
    assert "Does not apply" in report.html  # a two-layer network has no attention
    headings = re.findall(r'<h2 id="([\w-]+)"', report.html)
    assert headings[-1] == "what-does-not-apply-and-why"  # though the first network has fewer parts than the second


def test_the_null_of_a_two_layer_network_has_its_own_modulus_and_width() -> None:
    model = TwoLayerSpec(d_mlp=12)
    weights = model.init_params(P, 3)
    null = with_random_weights(Study.from_weights(weights, model, P))
    assert (null.p, null.spec.model) == (P, model)


def test_the_mainlines_numbers_are_kept_and_those_of_other_source_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    records = beside._records("mainline")
    assert beside._kept(records).keys() == beside.FINDINGS.keys(), "older source measured them; run python -m modaddlab.reports"
    run = next(iter(records))
    measured_anew = beside.measure(Study.open(run), finding="curves.of")
    kept = beside._kept(records)["curves.of"]["numbers"]
    assert {name: float(number) for name, number in measured_anew.items()} == pytest.approx(
        {name: numbers[0] for name, numbers in kept.items()}, rel=1e-6, nan_ok=True
    )
    source = beside._source
    monkeypatch.setattr(beside, "_source", lambda name: "other" if name == "curves.of" else source(name))
    assert beside._kept(records).keys() == beside.FINDINGS.keys() - {"curves.of"}
    assert beside._kept(dict.fromkeys(records, "another record")) == {}


def test_every_section_has_its_numbers_of_the_networks_beside() -> None:
    assert set(beside.FINDINGS.values()) == {section.find for section in SECTIONS}


def test_a_strip_has_the_value_where_it_is_among_the_others() -> None:
    drawn = strip("light", 5.0, [0.0, 10.0], null=0.0)
    ring, dot = re.findall(r'<circle cx="([\d.]+)"', drawn)
    assert (float(ring), float(dot)) == (8, WIDTH / 2)
    (middle,) = re.findall(r'<circle cx="([\d.]+)"', strip("dark", 1e-3, [1e-6, 1.0], log=True))
    assert float(middle) == WIDTH / 2


def test_an_own_report_is_replaced_and_nothing_else(drawn: Report, tmp_path: Path) -> None:
    target = drawn.save(tmp_path / "report.html")
    before = target.read_bytes()
    assert drawn.save(target).read_bytes() == before
    target.write_text("mine")
    for name in ("report.html", "report.docx", "nowhere/report.html"):
        with pytest.raises(LabError):
            check(tmp_path / name)
    assert target.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda folder, mode: (folder, mode) != (tmp_path, os.W_OK))
    with pytest.raises(LabError, match="cannot be written"):
        check(tmp_path / "report.html")


def test_a_pdf_is_known_again(drawn: Report, tmp_path: Path) -> None:
    target = drawn.save(tmp_path / "report.pdf")
    assert target.read_bytes().startswith(b"%PDF")
    check(target)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [({"optim.weight_decay": 0.3, "seed": 4}, {"steps": 60_000}), ({"task.train_frac": 0.2}, {"task.train_frac": 0.3})],
)
def test_the_command_to_try_trains_the_run_that_is_meant(changes: dict[str, Any], fields: dict[str, Any]) -> None:
    spec = changed(catalogue.RUNS["mainline"], changes)
    words = criteria.command(spec, fields).split()
    name, sets = words[3], [words[n + 1] for n, word in enumerate(words) if word == "--set"]
    seed = int(words[words.index("--seed") + 1]) if "--seed" in words else None
    assert with_overrides(catalogue.named(name, seed=seed), sets) == changed(spec, fields)


@pytest.mark.parametrize(
    "arguments",
    [
        ["mainlime"],
        [],
        ["mainline", "--compare", "debug", "mainline"],
        ["mainline", "--to", "docx"],
        ["mainline", "--output", "nowhere/report.html"],
        ["mainline", "--output", ""],
        ["mainline", "--output", "."],
        ["mainline", "--output", "folder/"],
        ["mainline", "--output", os.devnull],
        ["broken.pth"],
        ["nothing.pth"],
        [str(Path("..", "nothing"))],
        ["mainline", "--data", "nothing"],
        ["--compare", "mainlime", "mainline", "--data", "nothing"],
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measured, "of", None)  # whoever measures first fails otherwise
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    assert main(["run", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pth"]


def test_a_study_draws_each_figure_of_its_report(pizza: Study) -> None:
    named = {drawing.name for section in SECTIONS for drawing in section.draws}
    drawn, refused = {}, {}
    for name in sorted(named):
        try:
            drawn[name] = pizza.figure(name)
        except LabError as error:
            refused[name] = str(error)
    assert {"embedding-circles", "neurons", "logit-spectrum", "margin", "ablation-of-logits"} <= set(drawn)
    assert len(drawn["embedding-circles"].axes) >= len(KEYS)
    assert "training-curves" in refused  # written by hand
    assert all(f"has no figure {name!r}: " in words and "\n" not in words for name, words in refused.items())
    with pytest.raises(LabError, match="did you mean neurons"):
        pizza.figure("neuron")


@pytest.mark.parametrize(("ends", "verdict"), [((0.3, 0.4), "not met"), ((0.7, 0.8), "met"), ((0.7, 0.3), "not met")])
def test_a_spectrum_is_concentrated_when_its_gini_is_nearer_to_one_than_to_its_start(
    ends: tuple[float, float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(Study.open("debug").record)
    curves = {f"gini_{name}": np.array([0.1, 0.2, end]) for name, end in zip(("W_E", "W_L"), ends, strict=True)}
    monkeypatch.setattr(type(study), "metrics", {**study.metrics, **curves})
    *_, (found, _) = criteria.criteria(study, measured._asking(study))
    assert found == verdict


def test_of_a_network_without_laws_the_book_names_a_run_that_grokked() -> None:
    spec = changed(catalogue.RUNS["mlp-grokking"], {"task.train_frac": 0.3})
    like = criteria._like(spec)
    assert like is not None
    assert like.spec.model.kind == "two-layer"
    assert like.phases.generalization is not None


def test_a_run_of_ones_own_is_compared_with_one_of_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Report, "save", lambda report, target: target.write_text(report.title))
    mine = modaddlab.closed_form("pizza", P, frequencies=KEYS, data=tmp_path)
    name, target = mine.record.run_id, tmp_path / "two.html"
    assert main(["run", "--compare", name, "mlp-standard", "--data", str(tmp_path), "--output", str(target)]) == 0
    assert target.read_text() == f"{name} and {Study.open('mlp-standard').record.run_id}"
