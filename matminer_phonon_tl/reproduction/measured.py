"""Measured values of properties that the dataset derives from phonons (the paper's S2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CRC = "CRC Handbook of Chemistry and Physics, standard thermodynamic properties"
HEAT_CAPACITY: dict[str, tuple[int, float, str]] = {
    "C": (227, 6.109, "Hultgren et al., Selected Values ..., ASM (1973), as in the paper"),
    "Si": (227, 20.0, CRC),
    "MgO": (225, 37.2, CRC),
    "CaO": (225, 42.0, CRC),
    "BeO": (186, 25.6, CRC),
    "Al2O3": (167, 79.0, CRC),
    "SiO2": (154, 44.4, CRC),
    "AlN": (186, 30.1, CRC),
    "LiF": (225, 41.6, CRC),
    "NaF": (225, 46.9, CRC),
    "KF": (225, 49.0, CRC),
    "NaCl": (225, 50.5, CRC),
    "KCl": (225, 51.3, CRC),
    "KBr": (225, 52.3, CRC),
}
"""Space group, heat capacity in J/mol/K at 298 K and constant pressure, and source, by formula.

The dataset's are at 300 K and constant volume, which is a few per cent less in the soft alkali
halides.
"""

_BERLINCOURT = "Berlincourt et al., Phys. Rev. 129, 1009 (1963), doi:10.1103/PhysRev.129.1009"


@dataclass(frozen=True)
class CubicCrystal:
    """Elastic constants in GPa and density in g/cm3 of a cubic crystal at room temperature."""

    space_group: int
    c11: float
    c12: float
    c44: float
    density: float
    source: str

    def speeds(self, direction: tuple[float, float, float]) -> NDArray[np.float64]:
        """Return the speeds of the three acoustic branches along a direction, km/s, slowest first.

        They solve Christoffel's equation.

        >>> CUBIC["C"].speeds((1, 0, 0)).round(2).tolist()
        [12.83, 12.83, 17.53]
        """
        n = np.array(direction) / np.linalg.norm(direction)
        anisotropy = self.c11 - self.c12 - 2 * self.c44
        christoffel = (
            self.c44 * np.eye(3)
            + (self.c12 + self.c44) * np.outer(n, n)
            + anisotropy * np.diag(n**2)
        )
        return np.sqrt(np.linalg.eigvalsh(christoffel) / self.density)  # GPa / (g/cm3) = (km/s)^2

    @property
    def mean_speed(self) -> float:
        """Mean speed over the branches along [100], [110] and [111], a cubic zone's path, km/s."""
        directions = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
        return float(np.mean([self.speeds(direction) for direction in directions]))


CUBIC = {
    "C": CubicCrystal(
        227, 1079.0, 124.0, 578.0, 3.512,
        "McSkimin, Andreatch, J. Appl. Phys. 43, 2944 (1972), doi:10.1063/1.1661636",
    ),
    "Si": CubicCrystal(
        227, 165.78, 63.94, 79.62, 2.331,
        "McSkimin, Andreatch, J. Appl. Phys. 35, 2161 (1964), doi:10.1063/1.1702809",
    ),
    "GaAs": CubicCrystal(
        216, 118.77, 53.72, 59.44, 5.317,
        "McSkimin et al., J. Appl. Phys. 38, 2362 (1967), doi:10.1063/1.1709884",
    ),
    "MgO": CubicCrystal(
        225, 297.9, 95.8, 154.4, 3.584,
        "Sinogeikin, Bass, Phys. Rev. B 59, R14141 (1999), doi:10.1103/PhysRevB.59.R14141",
    ),
    "NaCl": CubicCrystal(
        225, 48.7, 12.4, 12.6, 2.165,
        "Kittel, Introduction to Solid State Physics, 8th ed., ch. 3, Wiley (2005)",
    ),
    "ZnS": CubicCrystal(216, 104.6, 65.3, 46.1, 4.09, _BERLINCOURT),
    "ZnSe": CubicCrystal(216, 81.0, 48.8, 44.1, 5.26, _BERLINCOURT),
    "ZnTe": CubicCrystal(216, 71.3, 40.7, 31.2, 5.64, _BERLINCOURT),
    "CdTe": CubicCrystal(216, 53.5, 36.8, 19.9, 5.85, _BERLINCOURT),
}  # fmt: skip


def derived_against_measured(df: pd.DataFrame) -> list[dict[str, Any]]:
    """Return heat capacities and speeds of sound of phonon_tl beside measured ones.

    Each dict has target, formula, material_id, derived, measured (both in the target's unit),
    source.
    """
    known = [
        ("heat_capacity", formula, space_group, value, source)
        for formula, (space_group, value, source) in HEAT_CAPACITY.items()
    ] + [
        ("speed_of_sound", formula, crystal.space_group, crystal.mean_speed, crystal.source)
        for formula, crystal in CUBIC.items()
    ]
    rows = []
    for target, formula, space_group, value, source in known:
        found = df[(df["formula"] == formula) & (df["space_group"] == space_group)]
        rows += [
            {
                "target": target,
                "formula": formula,
                "material_id": row["material_id"],
                "derived": float(row[target]),
                "measured": round(value, 3),
                "source": source,
            }
            for _, row in found.iterrows()
        ]
    return rows
