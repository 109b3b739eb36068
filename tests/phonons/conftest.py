"""Real phonon documents, and model crystals with closed forms."""

import gzip
import json

import numpy as np
import pytest
from pymatgen.core import Structure

from matminer_phonon_tl.phonons import debye_dos, diatomic_chain, zincblende_springs


def _load(path):
    with gzip.open(path) as file:
        return json.load(file)


@pytest.fixture(scope="session")
def RbI(test_data):  # noqa: N802 - fixtures are named after formulas
    """Band structure and DOS of RbI (CsCl structure), in THz, stable."""
    document = _load(test_data / "raw_phonons" / "RbI_mp-23302_phonon_doc.json.gz")
    return document["ph_bs"], document["ph_dos"]


@pytest.fixture(scope="session")
def NaCl(test_data):  # noqa: N802 - fixtures are named after formulas
    """NaCl: stable, but down to -0.04 THz at Gamma; its reciprocal lattice lacks the 2 pi."""
    folder = test_data / "raw_phonons"
    return _load(folder / "NaCl_phonon_bs.json.gz"), _load(folder / "NaCl_phonon_dos.json.gz")


@pytest.fixture(scope="session")
def BaTiO3(test_data):  # noqa: N802 - fixtures are named after formulas
    """Tetragonal BaTiO3: unstable."""
    folder = test_data / "raw_phonons"
    return _load(folder / "BaTiO3_phonon_bs.json.gz"), _load(folder / "BaTiO3_phonon_dos.json.gz")


@pytest.fixture
def chain():
    """Diatomic Ga-N chain with one spring constant in all directions, 60 N/m."""
    return diatomic_chain(springs=(60.0, 60.0, 60.0))


@pytest.fixture
def debye():
    """Debye solid of one atom and 10 THz."""
    return debye_dos(cutoff=10.0)


@pytest.fixture
def rbi_structure():
    """RbI in the CsCl structure."""
    return Structure(4.35 * np.eye(3), ["Rb", "I"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(scope="session")
def zincblende():
    """GaN of springs, as a phonopy calculation."""
    pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
    return zincblende_springs()
