"""What the phonon figure shows is what the functions return."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from matminer_phonon_tl.figures import plot_phonon
from matminer_phonon_tl.phonons import (
    diatomic_chain,
    largest_gap,
    sound_velocities,
    zincblende_springs,
)
from matminer_phonon_tl.units import THZ_ANGSTROM_TO_KM_PER_S, THZ_TO_CM1


@pytest.fixture
def chain():
    return diatomic_chain(springs=(60.0, 60.0, 60.0))


@pytest.fixture
def dos():
    grid = np.linspace(0.0, 13.0, 261)
    return {"frequencies": grid, "densities": np.full(261, 6.0 / 13.0)}


def sound_lines(figure):
    return [line for line in figure.axes[0].lines if line.get_gid() == "sound"]


def test_gap_and_slopes_are_those_of_the_functions(chain, dos):
    figure = plot_phonon(chain, dos)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    gap = largest_gap(chain)
    for axes in figure.axes:
        span = next(p for p in axes.patches if p.get_height() == pytest.approx(gap.width))
        assert span.get_y() == pytest.approx(gap.lower_edge)
    assert figure.axes[0].texts[0].get_text() == f"acoustic-optical gap {gap.width:.0f} cm-1"
    assert len(sound_lines(figure)) == 3
    for line, velocity in zip(sound_lines(figure), sound_velocities(chain), strict=True):
        x, y = line.get_data()
        slope = y[1] / x[1] / THZ_TO_CM1 * THZ_ANGSTROM_TO_KM_PER_S
        assert slope == pytest.approx(velocity.speed)


def test_polar_branches_reach_gamma_whatever_the_unit_of_length():
    """Within 1e-5 of Gamma, in units of the force calculator, phonopy leaves the direction out."""
    phonopy = pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
    from phonopy.interface.calculator import get_calculator_physical_units

    vasp = zincblende_springs(edge=6.0)
    units, of_vasp = (get_calculator_physical_units(code) for code in ("qe", None))
    cell = vasp.unitcell.copy()
    cell.cell = cell.cell / units.distance_to_A
    qe = phonopy.Phonopy(cell, vasp.supercell_matrix, np.eye(3), calculator="qe")
    qe.force_constants = vasp.force_constants * (of_vasp.factor / units.factor) ** 2
    charges = {"born": np.array([np.eye(3), -np.eye(3)]) * 1.3, "dielectric": 5.0 * np.eye(3)}
    for phonon, of_code in ((vasp, of_vasp), (qe, units)):
        phonon.nac_params = {**charges, "factor": of_code.nac_factor}
    drawn = []
    for phonon in (vasp, qe):
        axes = plot_phonon(phonon).axes[0]
        lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
        drawn.append(np.concatenate([line.get_ydata() for line in lines]))
        steps = [np.abs(np.diff(line.get_ydata())).max() for line in lines]
        assert max(steps) < 30.0  # cm-1; longitudinal and transverse are 60 apart at Gamma
    np.testing.assert_allclose(*drawn, rtol=1e-3, atol=0.5)


def test_special_points_and_title(chain):
    figure = plot_phonon(chain)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["Γ", "X"]
    assert figure.get_suptitle() == "GaN, P4/mmm (123)"
    assert plot_phonon(chain, title="a chain").get_suptitle() == "a chain"


def test_no_gap_is_not_drawn():
    figure = plot_phonon(diatomic_chain(("Si", "Si"), springs=(60.0,) * 3))
    assert not figure.axes[0].patches
    assert not figure.axes[0].texts


def test_unstable_structure_says_so(chain):
    chain.bands[0, -1] = -2.0
    figure = plot_phonon(chain)
    assert figure.axes[0].texts[0].get_text() == "unstable: imaginary modes down to -67 cm-1"
    assert not sound_lines(figure)


def test_saves_without_a_display_or_pyplot(chain, tmp_path):
    plot_phonon(chain).savefig(tmp_path / "chain.png")
    assert (tmp_path / "chain.png").read_bytes().startswith(b"\x89PNG")
    code = (
        "import sys; from matminer_phonon_tl.figures import plot_phonon;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    # matminer itself may import pyplot: then there is nothing to tell
    baseline = "import sys, matminer_phonon_tl; sys.exit('matplotlib.pyplot' in sys.modules)"
    if subprocess.run([sys.executable, "-c", baseline], check=False).returncode == 0:
        subprocess.run([sys.executable, "-c", code], check=True)


def test_path_without_gamma(chain):
    document = chain.as_dict()
    document["qpoints"] = document["qpoints"][5:]
    document["bands"] = np.array(document["bands"])[:, 5:].tolist()
    axes = plot_phonon(document).axes[0]
    assert axes.get_title() == "no speed of sound"
    assert not [line for line in axes.lines if line.get_gid() == "sound"]
    assert axes.texts[0].get_text().startswith("acoustic-optical gap")
