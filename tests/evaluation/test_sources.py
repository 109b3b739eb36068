"""What a source may know of the tested materials, under each protocol."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from matminer_phonon_tl import XenonPyDescriptors
from matminer_phonon_tl.evaluation import cross_validate
from matminer_phonon_tl.evaluation.source_hygiene import SourceTasks
from matminer_phonon_tl.models import PhononRegressor
from tests.evaluation.watcher import Watcher


def test_strict_takes_tested_formulas_from_any_source(gapped, source):
    Watcher.seen = []
    result = cross_validate(Watcher(source), gapped, "bandgap", "strict", n_repeats=1)
    cross_validate(Watcher(), gapped, "bandgap", "strict", n_repeats=1, source=source)
    assert len(Watcher.seen) == 10
    for (_, _, given), split in zip(Watcher.seen, [*result.splits] * 2, strict=True):
        tested = {gapped["composition"].iloc[row].reduced_formula for row in split.test}
        left = {composition.reduced_formula for composition in given["composition"]}
        assert left
        assert not tested & left
        assert len(given) < len(source)
    cross_validate(Watcher(source), gapped, "phonon_bandgap", "leak_free", n_repeats=1)
    assert len(Watcher.seen[-1][2]) == len(source)


@pytest.mark.parametrize("protocol", ["leak_free", "strict"])
def test_no_source_replaces_the_estimators(gapped, source, protocol):
    Watcher.seen = []
    options = {"protocol": protocol, "n_repeats": 1}
    result = cross_validate(Watcher(source), gapped, "bandgap", source=None, **options)
    assert [given for _, _, given in Watcher.seen] == [None] * 5
    assert result.settings["source"] == "none"
    assert cross_validate(Watcher(source), gapped, "bandgap", **options).settings["source"] is None
    assert not any(given is None for _, _, given in Watcher.seen[5:])


@pytest.mark.parametrize(
    ("name", "target", "cleared"),
    [
        ("speed_of_sound", "speed_of_sound", True),
        ("heat_capacity_per_atom", "heat_capacity", True),
        ("heat_capacity", "speed_of_sound", False),
        ("bandgap", "speed_of_sound", False),
    ],
)
@pytest.mark.parametrize("form", ["table", "labels of a name", "own target"])
def test_leak_free_clears_a_source_that_holds_the_targets_labels(
    phonon_tl, gapped, name, target, cleared, form
):
    class Learner(Watcher):
        def __init__(self, source=None, target=None):
            super().__init__(source)
            self.target = target

    source = phonon_tl[["composition", name]]
    if form == "labels of a name":
        source = (source["composition"].tolist(), source[name])
    Watcher.seen = []
    labels = gapped[target] if form != "own target" else gapped[target].to_numpy()
    model = Learner(source, target if form == "own target" else None)
    result = cross_validate(model, gapped[["composition"]], labels, "leak_free", n_repeats=1)
    for (_, _, given), split in zip(Watcher.seen, result.splits, strict=True):
        left = given["composition"] if form != "labels of a name" else given[0]
        assert (len(left) < len(phonon_tl)) == cleared
        tested = {gapped["composition"].iloc[row].reduced_formula for row in split.test}
        assert bool(tested & {composition.reduced_formula for composition in left}) != cleared


@pytest.mark.parametrize(
    ("target", "known"),
    [
        ("phonon_bandgap", True),  # by the edges
        ("speed_of_sound", True),  # by the longitudinal and the transverse one
        ("heat_capacity", True),
        ("formation_energy_per_atom", False),
    ],
)
def test_kyoto_knows_the_phonon_labels_under_other_names(target, known):
    model = Watcher("kyoto")
    assert SourceTasks.of(model).know_labels(model, target) == known


def test_somebody_elses_source_is_left_alone(gapped):
    """A parameter of that name may hold anything."""
    Watcher.seen = []
    cross_validate(Watcher("a database"), gapped, "speed_of_sound", n_repeats=1)
    assert {given for _, _, given in Watcher.seen} == {"a database"}


def test_a_regressor_cannot_copy_the_answer_from_its_source(gapped):
    table = gapped[["composition", "speed_of_sound"]]
    model = PhononRegressor(
        descriptors="xenonpy",
        members=("gp15",),
        intervals=False,
        target="speed_of_sound",
        source=table,
    )
    options = {"target": "speed_of_sound", "n_repeats": 1, "groups": "formula"}
    leak_free = cross_validate(model, table, **options)
    assert np.array_equal(
        leak_free.predictions,
        cross_validate(model, table, protocol="strict", **options).predictions,
    )
    assert leak_free.r2.mean < 0.9  # 0.99 where the source keeps the tested labels


def test_strict_networks_never_meet_a_tested_formula(gapped, source, network):
    """Nonsense labels of tested formulas in the source change nothing."""
    result = cross_validate(network, gapped, "phonon_bandgap", "strict", n_repeats=1)
    split = result.splits[0]
    tested = {gapped["composition"].iloc[row].reduced_formula for row in split.test}
    poisoned = source.copy()
    poisoned.loc[[c.reduced_formula in tested for c in source["composition"]], "bandgap"] = 99.0
    network.set_params(source=poisoned)
    strict = cross_validate(network, gapped, "phonon_bandgap", "strict", n_repeats=1)
    clean = cross_validate(network, gapped, "phonon_bandgap", "leak_free", n_repeats=1)
    assert np.array_equal(strict.predictions[0, split.test], result.predictions[0, split.test])
    assert not np.array_equal(clean.predictions[0, split.test], result.predictions[0, split.test])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((np.zeros((9, 290)), np.zeros(9)), "expected a source with compositions, so that tested"),
        ("everything", "expected other formulas|expected a source with other formulas"),
    ],
)
def test_strict_refuses_a_source_it_cannot_clear(gapped, source, message):
    if isinstance(source, str):
        source = gapped[["composition", "bandgap"]].iloc[:1]
    with pytest.raises(ValueError, match=message):
        cross_validate(Watcher(source), gapped, "phonon_bandgap", "strict", n_repeats=1)


def test_a_source_needs_an_estimator_that_takes_one(gapped, source):
    model = make_pipeline(XenonPyDescriptors(), Ridge())
    with pytest.raises(ValueError, match="expected an estimator whose fit takes a source, got Pip"):
        cross_validate(model, gapped, "bandgap", source=source)
