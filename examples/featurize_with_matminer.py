"""Put this package's descriptors beside matminer's own in one table."""

from matminer.featurizers.base import MultipleFeaturizer
from matminer.featurizers.composition import Stoichiometry, ValenceOrbital

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors, XenonPyDescriptors

df = load_phonon_tl(gapped_only=True)
featurizer = MultipleFeaturizer(
    [XenonPyDescriptors(), LatticeDynamicsDescriptors(), Stoichiometry(), ValenceOrbital()]
)
featurizer.set_n_jobs(1)
table = featurizer.featurize_dataframe(df, "composition", pbar=False)
print(f"{len(featurizer.feature_labels())} descriptors of {len(table)} materials")
print(table[["formula", "ave:atomic_number", "log_mass_ratio", "2-norm"]].head())
table.drop(columns=["composition", "structure"]).to_csv("descriptors.csv", index=False)
