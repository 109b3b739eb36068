"""Relatives' structures: the spring model in them, who counts as a relative, what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import AnalogueDescriptors
from matminer_phonon_tl.featurizers.analogues import ANALOGUE_COLUMNS
from matminer_phonon_tl.featurizers.spring_model import describe_spring_model


def rocksalt(cation, anion, a=5.6):
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [cation, anion], [[0] * 3, [0.5] * 3]
    ).get_primitive_structure()


def zincblende(cation, anion, a=5.6):
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(a), [cation, anion], [[0] * 3, [0.25] * 3]
    ).get_primitive_structure()


@pytest.fixture(scope="module")
def library(phonon_tl):
    return AnalogueDescriptors().fit(phonon_tl["structure"])


def test_the_bands_are_those_of_the_spring_model():
    """With one relative, the columns are those of its structure with the elements exchanged."""
    described = AnalogueDescriptors().fit([zincblende("Zn", "S", 5.41)]).featurize_array(["GaAs"])
    radii = {"Zn": 122, "S": 105, "Ga": 122, "As": 119}
    scale = (radii["Ga"] + radii["As"]) / (radii["Zn"] + radii["S"])
    gap, acoustic, optical, log_ratio = describe_spring_model(zincblende("Ga", "As", 5.41 * scale))[
        :4
    ]
    assert described[0, 0] == pytest.approx(gap, abs=1e-9)
    assert described[0, 1] == pytest.approx(log_ratio, abs=1e-9)
    assert described[0, 3] / described[0, 2] == pytest.approx(optical / acoustic, abs=1e-9)
    assert described[0, 4] == pytest.approx(np.log((5.41 * scale) ** 3 / 8))


def test_a_formula_never_sees_its_own_structure():
    salt, other = rocksalt("Na", "Cl"), zincblende("K", "Br")
    with_salt = AnalogueDescriptors().fit([salt, other]).featurize_array(["NaCl"])
    without = AnalogueDescriptors().fit([other]).featurize_array(["NaCl"])
    assert np.array_equal(with_salt, without)
    assert AnalogueDescriptors().fit([salt]).count(["NaCl", "KBr"]).tolist() == [0, 1]


def test_the_nearest_relative_counts_most():
    """KBr is like NaCl, GaAs is not: the mean lies nearer to the structure of the former."""
    near, far = rocksalt("K", "Br"), zincblende("Ga", "As")
    each = [AnalogueDescriptors().fit([s]).featurize_array(["NaCl"])[0, 1] for s in (near, far)]
    both = AnalogueDescriptors().fit([far, near]).featurize_array(["NaCl"])[0, 1]
    assert abs(both - each[0]) < abs(both - each[1])
    one = AnalogueDescriptors(n_analogues=1).fit([far, near]).featurize_array(["NaCl"])[0, 1]
    assert one == each[0]


def test_rows_without_relatives_are_named(library):
    """NaN that nobody hears of would be imputed by the next step."""
    asked = pd.DataFrame({"composition": [Composition(f) for f in ("GaN", "Xe7C3", "BAs", "SiO2")]})
    asked.loc[3, "composition"] = Composition("Li0.5CoO2")
    sentence = "2 of 4 rows hold NaN because they have no relatives of known structure: rows 1, 3"
    with pytest.warns(FeaturizationWarning, match=f"^{sentence}$"):
        assert np.isnan(library.transform(asked)[:, 0]).tolist() == [False, True, False, True]
    with pytest.warns(FeaturizationWarning, match=f"^{sentence}$"):
        library.featurize_dataframe(asked, "composition", pbar=False)
    with pytest.warns(FeaturizationWarning, match="1 of 1 rows hold NaN"):
        library.featurize("Xe7C3")
    with pytest.warns(FeaturizationWarning) as both:
        library.featurize_many(["Cm", "Xe7C3"], ignore_errors=True, pbar=False)
    assert [str(each.message)[:11] for each in both] == ["1 of 2 rows"] * 2
    assert str(both[1].message).endswith(": row 1")


def test_unfitted_is_told_as_scikit_learn_does():
    with pytest.raises(NotFittedError):
        check_is_fitted(AnalogueDescriptors())
    with pytest.raises(NotFittedError, match="call fit first"):
        AnalogueDescriptors().count(["GaN"])
    check_is_fitted(AnalogueDescriptors().fit([rocksalt("Na", "Cl")]))


def test_the_library_may_be_a_table():
    table = pd.DataFrame({"formula": ["NaCl"], "structure": [rocksalt("Na", "Cl")]})
    assert AnalogueDescriptors().fit(table).count(["KBr"]).tolist() == [1]
    with pytest.raises(CompositionError, match=r"a column 'structure', got the columns \['f"):
        AnalogueDescriptors().fit(table[["formula"]])


def test_amounts_make_relatives(library):
    """In1N1 has relatives of two atoms, In2N2 of four; nobody is related to Xe7C3."""
    assert library.count(["In1N1", "In2N2", "Xe7C3"]).tolist()[2] == 0
    with pytest.warns(FeaturizationWarning, match=": row 2$"):
        small, large, none = library.featurize_array(["In1N1", "In2N2", "Xe7C3"])
    assert not np.allclose(small, large)
    assert np.isnan(none).all()


def test_many_at_once_equal_one_by_one(library, phonon_tl):
    asked = phonon_tl["composition"][:40].tolist()
    together, _ = library.describe_valid(asked)
    single = np.vstack([library.describe_valid([each])[0] for each in asked])
    np.testing.assert_allclose(together, single, rtol=1e-9)
    backwards, _ = library.describe_valid(asked[::-1])
    np.testing.assert_allclose(backwards[::-1], together, rtol=1e-9)


def test_the_gap_of_relatives_tells_the_gap(library, phonon_tl):
    """No training, no structure of the compound: still it ranks the widths of the gaps."""
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    described, _ = library.describe_valid(gapped["composition"])
    known = np.isfinite(described[:, 1])
    assert known.mean() > 0.97
    order = np.corrcoef(
        np.argsort(np.argsort(described[known, 1])),
        np.argsort(np.argsort(gapped["phonon_bandgap"][known])),
    )
    assert order[0, 1] > 0.5


def test_larger_cells_have_no_relatives(phonon_tl):
    small = AnalogueDescriptors(max_sites=2).fit(phonon_tl["structure"])
    assert small.count(["GaN", "Ga2N2"]).tolist() == [8, 0]


def test_the_library_travels_as_arrays(library):
    restored = AnalogueDescriptors.from_library(library.get_library())
    asked = ["BAs", "SrTiO3", "Li2Te"]
    assert np.array_equal(restored.featurize_array(asked), library.featurize_array(asked))
    broken = library.get_library() | {"lattices": np.zeros((3, 3, 3))}
    with pytest.raises(ValueError, match="expected a library of crystals"):
        AnalogueDescriptors.from_library(broken)


def test_oxidation_states_change_nothing(library):
    plain = library.featurize_array([{"Mg": 1, "O": 1}])
    assert np.array_equal(library.featurize_array([{"Mg2+": 1, "O2-": 1}]), plain)


def test_works_as_a_matminer_featurizer(library, phonon_tl):
    binaries = phonon_tl.loc[phonon_tl["nsites"] == 2, ["formula", "composition"]][:5]
    frame = library.featurize_dataframe(binaries.copy(), "composition", pbar=False)
    assert frame[list(ANALOGUE_COLUMNS)].notna().all(axis=None)


def test_bad_input_is_one_sentence(library):
    with pytest.raises(UnknownElementError, match="row 1: "):
        library.featurize_array(["GaN", "Cm"])
    with pytest.raises(ValueError, match="call fit first"):
        AnalogueDescriptors().featurize_array(["GaN"])
    with pytest.raises(CompositionError, match="row 0: expected an ordered Structure"):
        AnalogueDescriptors().fit(["GaN"])
    with pytest.raises(CompositionError, match="got none"):
        AnalogueDescriptors().fit([])


def test_a_pickle_holds_the_library_and_nothing_derived_from_it(phonon_tl):
    featurizer = AnalogueDescriptors(n_analogues=3).fit(phonon_tl["structure"][:200])
    asked = ["GaN", "CaTiO3", "NaCl"]
    content = pickle.dumps(featurizer)
    expected = featurizer.featurize_array(asked)
    assert len(pickle.dumps(featurizer)) == len(content) < 200_000
    restored = pickle.loads(content)  # noqa: S301 - made here
    assert restored.n_analogues == 3
    assert np.array_equal(restored.featurize_array(asked), expected)
    unfitted = pickle.loads(pickle.dumps(AnalogueDescriptors()))  # noqa: S301 - made here
    assert not hasattr(unfitted, "prototypes_")
