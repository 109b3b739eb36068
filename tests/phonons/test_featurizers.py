"""The properties over DataFrame columns, as matminer users call them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pymatgen.phonon.dos import PhononDos
from sklearn.base import clone

from matminer_phonon_tl.exceptions import UnstableStructureError
from matminer_phonon_tl.phonons import (
    PhononBandFeaturizer,
    PhononDOSFeaturizer,
    acoustic_optical_gap,
    calculation,
    debye_dos,
    diatomic_chain,
    featurizers,
    gap,
    heat_capacity,
    speed_of_sound,
)
from matminer_phonon_tl.phonons.bands import read_bands
from matminer_phonon_tl.units import THZ_TO_CM1


@pytest.fixture
def frame(chain):
    soft = diatomic_chain()
    soft.bands[0, -1] = -1.0
    dos = PhononDos(np.linspace(0, 10, 801), debye_dos(10.0, 2, 801).densities)
    return pd.DataFrame(
        {"bs": [chain, soft], "dos": [dos, dos], "structure": [chain.structure, soft.structure]},
        index=["stable", "unstable"],
    )


def featurizer(cls, **options):
    made = cls(**options)
    made.set_n_jobs(1)
    return made


def test_bands(frame):
    labels = PhononBandFeaturizer().feature_labels()
    out = featurizer(PhononBandFeaturizer, imaginary="nan").featurize_dataframe(
        frame, "bs", pbar=False
    )
    assert list(out.columns[3:]) == labels
    stable, unstable = out.loc["stable"], out.loc["unstable"]
    assert stable["acoustic-optical gap [cm-1]"] == acoustic_optical_gap(frame.bs["stable"])
    assert stable["mean speed of sound [km/s]"] == speed_of_sound(frame.bs["stable"])
    assert stable["imaginary modes"] == 0.0
    highest = read_bands(frame.bs["stable"]).frequencies.max()
    assert stable["highest phonon frequency [cm-1]"] == pytest.approx(THZ_TO_CM1 * highest)
    assert unstable["imaginary modes"] == 1.0
    assert unstable["lowest phonon frequency [cm-1]"] == pytest.approx(-33.356, abs=1e-3)
    assert np.isnan(unstable["acoustic-optical gap [cm-1]"])


def test_a_document_is_read_once(chain, monkeypatch):
    """Reading, and above all the symmetry search, is where the time goes."""
    calls = []
    for module, name in (
        (featurizers, "read_bands"),
        (calculation, "read_bands"),
        (gap, "is_primitive"),
    ):
        counted = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, f=counted, n=name, **k: calls.append(n) or f(*a, **k)
        )
    PhononBandFeaturizer().featurize(chain)
    assert calls == ["read_bands", "is_primitive"]


def test_bands_that_overlap_have_a_negative_signed_gap():
    overlapping = diatomic_chain()
    overlapping.bands[3] = 0.5 * overlapping.bands[2].max()
    row = dict(zip(*describe(overlapping), strict=True))
    assert row["acoustic-optical gap [cm-1]"] == 0.0
    assert row["signed acoustic-optical gap [cm-1]"] < -1.0


def test_a_cell_of_one_atom_has_no_signed_gap():
    document = diatomic_chain().as_dict()
    del document["structure"]
    document["bands"] = document["bands"][:3]
    row = dict(zip(*describe(document, unit="THz"), strict=True))
    assert row["acoustic-optical gap [cm-1]"] == 0.0
    assert np.isnan(row["signed acoustic-optical gap [cm-1]"])
    assert row["largest phonon gap [cm-1]"] == row["largest phonon gap lower edge [cm-1]"] == 0.0


def describe(bands, **options):
    made = PhononBandFeaturizer(**options)
    return made.feature_labels(), made.featurize(bands)


def test_unstable_raises_by_default_and_can_be_skipped(frame):
    made = featurizer(PhononBandFeaturizer)
    with pytest.raises(UnstableStructureError, match="ignore_errors"):
        made.featurize_dataframe(frame, "bs", pbar=False)
    out = made.featurize_dataframe(frame, "bs", ignore_errors=True, return_errors=True, pbar=False)
    assert "imaginary modes down to" in out["PhononBandFeaturizer Exceptions"]["unstable"]
    assert out.drop(columns="PhononBandFeaturizer Exceptions").loc["stable"].notna().all()


def test_wrong_option(chain):
    with pytest.raises(ValueError, match='expected imaginary="raise" or "nan", got \'skip\''):
        PhononBandFeaturizer(imaginary="skip").featurize(chain)


def test_dos_with_a_structure_column(frame):
    made = featurizer(PhononDOSFeaturizer, temperatures=(100.0, 300.0))
    out = made.featurize_dataframe(frame, ["dos", "structure"], pbar=False)
    row = out.loc["stable"]
    dos, structure = frame.dos["stable"], frame.structure["stable"]
    assert row["heat capacity at 300 K [J/mol/K]"] == heat_capacity(dos, structure)
    assert row["heat capacity per atom at 100 K [J/mol/K]"] == heat_capacity(
        dos, structure, 100.0, per="atom"
    )
    assert len(made.feature_labels()) == 4


def test_the_default_temperature_is_that_of_the_dataset():
    (label,) = [n for n in PhononDOSFeaturizer().feature_labels() if "capacity at" in n]
    assert label == "heat capacity at 300 K [J/mol/K]"


def test_precheck(chain, debye):
    assert PhononBandFeaturizer().precheck(chain)
    assert not PhononBandFeaturizer().precheck(float("nan"))
    assert not PhononDOSFeaturizer().precheck(debye)
    assert PhononDOSFeaturizer().precheck(debye, chain.structure)
    assert PhononDOSFeaturizer(per_formula_unit=False).precheck(debye)
    assert not PhononDOSFeaturizer(per_formula_unit=False).precheck(None)


@pytest.mark.parametrize("cls", [PhononBandFeaturizer, PhononDOSFeaturizer])
def test_matminer_contract(cls):
    made = cls(unit="THz")
    assert clone(made).get_params() == made.get_params()
    assert all(entry.startswith("@article{") for entry in made.citations())
    assert made.implementors()
    assert len(set(made.feature_labels())) == len(made.feature_labels())


def test_real_documents_as_dicts(RbI, NaCl):
    frame = pd.DataFrame({"bs": [RbI[0], NaCl[0]], "dos": [RbI[1], NaCl[1]]})
    out = featurizer(PhononBandFeaturizer).featurize_dataframe(frame, "bs", pbar=False)
    out = featurizer(PhononDOSFeaturizer).featurize_dataframe(out, "dos", pbar=False)
    assert out.iloc[:, 2:].notna().all().all()
    assert out["heat capacity at 300 K [J/mol/K]"][0] == pytest.approx(49.5697, rel=1e-4)


def test_importing_the_package_imports_neither_torch_nor_matminer():
    code = (
        "import sys, matminer_phonon_tl.phonons as p;"
        "assert 'PhononBandFeaturizer' in dir(p);"
        "print([m for m in ('torch', 'matminer.featurizers.base') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_unknown_name():
    import matminer_phonon_tl.phonons as package

    with pytest.raises(AttributeError, match="has no attribute 'band_gap'"):
        _ = package.band_gap
