"""Models that predict phonon properties from composition."""
