"""Compute gap, speed of sound and heat capacity from phonon documents, and draw the bands."""

from matminer_phonon_tl.figures import plot_phonon
from matminer_phonon_tl.phonons import (
    acoustic_optical_gap,
    debye_dos,
    diatomic_chain,
    has_imaginary_modes,
    heat_capacity,
    speed_of_sound,
)

# Model crystals stand in for documents; pymatgen's classes and their dictionaries go the same way.
bands = diatomic_chain(("Ga", "N"), springs=(60.0, 60.0, 60.0))
dos = debye_dos(cutoff=15.0, n_atoms=2)

print("stable:", not has_imaginary_modes(bands))
print(f"gap: {acoustic_optical_gap(bands):.2f} cm-1")
print(f"speed of sound: {speed_of_sound(bands):.3f} km/s")
cv = heat_capacity(dos, structure=bands.structure)
print(f"heat capacity at 300 K: {cv:.2f} J/mol/K per mole of {bands.structure.reduced_formula}")
plot_phonon(bands, dos, title="A chain of Ga and N").savefig("bands.png")
