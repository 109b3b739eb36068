"""Learn a source property of your own first, and see whether it helped, without leaking."""

from sklearn.base import clone

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.evaluation import compare, cross_validate
from matminer_phonon_tl.models import TransferMLPRegressor

df = load_phonon_tl()
# Stands in for your table: a column composition, and columns of numbers.
source = df.assign(volume_per_atom=df["volume"] / df["nsites"])
source = source[["composition", "volume_per_atom", "formation_energy_per_atom"]]

gapped = df[df["has_phonon_bandgap"]]
# Small and quick; the defaults are the paper's.
network = TransferMLPRegressor(
    (32, 16, 8), source=source, source_epochs=30, epochs=100, random_state=0
)
# strict: no tested formula stands in the source either
options = {"target": "speed_of_sound", "protocol": "strict", "n_repeats": 2}
with_source = cross_validate(network, gapped, **options)
without = cross_validate(clone(network).set_params(source=None), gapped, **options)
print(with_source)
print(compare(with_source, without))
