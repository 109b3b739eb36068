"""Files that several cases begin with."""

POSCAR = """Ga N
1.0
 0.00 2.25 2.25
 2.25 0.00 2.25
 2.25 2.25 0.00
 Ga N
 1 1
Direct
 0.00 0.00 0.00
 0.25 0.25 0.25
"""
"""Zincblende GaN: N at a quarter of the diagonal, in a cell of 4.5^3 / 4 cubic Angstrom."""
