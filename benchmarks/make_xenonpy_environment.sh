#!/usr/bin/env bash
# Make an environment in which XenonPy 0.6.7 runs, and print its interpreter.
# Usage: benchmarks/make_xenonpy_environment.sh FOLDER
#
# XenonPy's own requirements no longer resolve: mordred pins numpy<2, rdkit is not named, and the
# table it reads is downloaded at run time. So the wheel goes in without its dependencies, those it
# needs are named here, and the table is written from ours into a home folder of its own.
set -euo pipefail
folder=$(mkdir -p "${1:?expected the folder of the new environment}" && cd "$1" && pwd)
table=$(cd "$(dirname "$0")/.." && pwd)/matminer_phonon_tl/featurizers/element_table.csv
python3 -m venv "$folder"
pip=("$folder/bin/pip" install -q)
"${pip[@]}" "numpy<2" "pandas<2.2" "pymatgen<2025" "scikit-learn<1.6" "scipy<1.14" torch==2.13.0 \
    joblib tqdm requests ruamel.yaml Deprecated seaborn "plotly<6" rdkit pymongo "setuptools<80"
# matminer for this package's backend="xenonpy"; its own requirements exclude this numpy.
"${pip[@]}" --no-deps mordred networkx six xenonpy==0.6.7 matminer==0.9.3
mkdir -p "$folder/home/.xenonpy/dataset"
"$folder/bin/python" - "$table" "$folder/home/.xenonpy/dataset/elements_completed.pd.xz" << 'PYTHON'
import sys
import pandas as pd
pd.read_csv(sys.argv[1], comment="#", index_col="element").to_pickle(sys.argv[2])
PYTHON
cat > "$folder/bin/xenonpy-python" << WRAPPER
#!/bin/sh
HOME="$folder/home" PYTHONWARNINGS=ignore exec "$folder/bin/python" "\$@"
WRAPPER
chmod +x "$folder/bin/xenonpy-python"
"$folder/bin/xenonpy-python" -c "from xenonpy.descriptor import Compositions; Compositions()"
echo "$folder/bin/xenonpy-python"
