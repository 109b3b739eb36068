"""Screen a list of formulas and rank those that probably have a wide gap."""

from itertools import product

import pandas as pd

from matminer_phonon_tl.screening import screen

metals, nonmetals = ["B", "Al", "Ga", "In", "Sc", "Y"], ["N", "P", "As", "Sb"]
candidates = pd.DataFrame({"formula": [a + b for a, b in product(metals, nonmetals)]})
report = screen(
    candidates,
    "hits.csv",
    where="has_gap_probability > 0.5 and in_domain = true",
    top=5,
    by="phonon_bandgap_expected",
    html="hits.html",
)
print(report)
columns = ["formula", "has_gap_probability", "phonon_bandgap", "phonon_bandgap_lower"]
print(pd.read_csv("hits.csv")[columns].round(2))
