"""The models that measured best: a regressor for each target, and the classifier."""

from typing import Any

from matminer_phonon_tl.exceptions import did_you_mean
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor

SETTINGS: dict[str, dict[str, Any]] = {
    "phonon_bandgap": {
        "descriptors": "lattice_dynamics",
        "analogues": True,
        "members": ("gp25", "gp25_per_feature", "svm"),
        "target_transform": "sqrt",
    },
    "speed_of_sound": {
        "descriptors": "both",
        "members": ("gp15_per_feature",),
        "target_transform": "log_stiffness",
    },
    "heat_capacity": {
        "descriptors": "both",
        "members": ("gp15_per_feature",),
        "target_transform": "einstein",
    },
    "largest_gap": {
        "descriptors": "both",
        "members": ("gp15_per_feature",),
        "target_transform": "sqrt",
    },
}
"""What measured best without leakage for each target; docs/accuracy.md has the figures."""
SETTINGS |= dict.fromkeys(
    ("speed_longitudinal", "speed_transverse", "debye_temperature", "largest_gap_lower_edge"),
    SETTINGS["speed_of_sound"],
)

STANDARD_BONDS = frozenset(SETTINGS) - {"phonon_bandgap", "largest_gap"}
"""Targets that are best learnt of cells at standard bonds: only the gaps are better learnt of cells
as they are given, and suffer little from another density functional's."""


def make_regressor(
    target: str, structure: bool = False, random_state: int | None = None
) -> PhononRegressor:
    """Return the unfitted regressor that measured best for a target.

    Parameters
    ----------
    target : str
        Among :data:`SETTINGS`: phonon_bandgap, speed_of_sound, heat_capacity, which the shipped
        predictors give; debye_temperature, largest_gap, which those of more properties give;
        speed_longitudinal, speed_transverse, largest_gap_lower_edge, which ``phonondb_kyoto`` has
        labels of.
    structure : bool
        Use descriptors of the structure as well; ``fit`` and ``predict`` then want structures.
    random_state : int, optional
        Seed of the folds behind the intervals.

    Returns
    -------
    PhononRegressor

    Examples
    --------
    >>> make_regressor("heat_capacity").target_transform
    'einstein'
    """
    if target not in SETTINGS:
        raise ValueError(
            f"expected target to be one of {tuple(SETTINGS)}, got {target!r}"
            f"{did_you_mean(target, SETTINGS)}"
        )
    settings = {**SETTINGS[target], "target": target, "random_state": random_state}
    if structure:  # a structure at hand leaves nothing to borrow
        settings |= {"use_structure": True, "analogues": False}
        if target in STANDARD_BONDS:
            settings |= {"descriptors": "both_bond_valence", "standard_bonds": True}
    return PhononRegressor(**settings)


def regressor_of(label: str, random_state: int, *, structure: bool = False) -> PhononRegressor:
    """Return the unfitted regressor of a label: what measured best, or Gaussian processes.

    Any column of numbers can be such a label. The Gaussian processes are on all descriptors of
    composition (and structure), without the physics of phonons.
    """
    if label in SETTINGS:
        return make_regressor(label, structure=structure, random_state=random_state)
    return PhononRegressor(
        descriptors="both",
        use_structure=structure,
        members=("gp15",),
        random_state=random_state,
    )


def default_classifier(random_state: int, *, structure: bool = False) -> PhononGapClassifier:
    """Return the unfitted gap classifier that measured best."""
    return PhononGapClassifier.recommended(use_structure=structure, random_state=random_state)
