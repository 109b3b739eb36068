"""Phonon properties computed from band structures and densities of states."""
