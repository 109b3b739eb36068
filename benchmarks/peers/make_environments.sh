#!/usr/bin/env bash
# Make the environment of each peer in FOLDER and print its interpreter.
# Usage: benchmarks/peers/make_environments.sh FOLDER [modnet] [crabnet] [flaml] [chgnet] [sevennet]
#
# Python 3.11, the one with a TensorFlow 2.15 and with what this package needs. No peer needs this
# package; Magpie + random forest and our own models run where the package is installed. The two
# potentials are made only when they are named: benchmarks/potential_peers.py runs there, and it needs
# this package.
set -euo pipefail
mkdir -p "${1:?expected the folder of the new environments}"
folder=$(cd "$1" && pwd)
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3.11}

make() {
    "$python" -m venv "$folder/$1"
    pip=("$folder/$1/bin/pip" install -q)
}

for peer in "${@:-modnet crabnet flaml}"; do
    for name in $peer; do
        make "$name"
        case $name in
            modnet)
                # tensorflow<2.16: MODNet uses Keras 2. numpy<2, scipy<1.15, scikit-learn<1.6 and
                # pandas<2.3: the last that matminer 0.9 and MODNet 0.4.5 run with.
                # pymatgen<2025: newer ones ask for numpy 2. setuptools<80: pkg_resources.
                "${pip[@]}" modnet==0.4.5 "matminer==0.9.2" "tensorflow==2.15.*" "numpy<2" \
                    "scipy<1.15" "scikit-learn<1.6" "pandas<2.3" "pymatgen<2025" "setuptools<80"
                ;;
            crabnet)
                # torch by itself and first: CrabNet does not name it. Its wheel asks for a Python
                # below 3.11 and runs in 3.11 all the same.
                "${pip[@]}" torch==2.13.0
                "${pip[@]}" --no-deps --ignore-requires-python crabnet==2.0.8
                "${pip[@]}" numpy pandas scikit-learn scipy matplotlib seaborn tqdm colorama \
                    joblib psutil
                ;;
            flaml)
                # matminer for the Magpie features.
                "${pip[@]}" "flaml[automl]==2.7.0" "matminer==0.10.1"
                ;;
            chgnet | sevennet)
                # torch by itself and first, and held there: any other brings gigabytes of CUDA.
                # The weights come with the wheels.
                echo "torch==2.13.0" > "$folder/$name/constraints.txt"
                "${pip[@]}" torch==2.13.0
                declare -A wheels=([chgnet]=chgnet==0.4.2 [sevennet]=sevenn==0.13.0)
                "${pip[@]}" -c "$folder/$name/constraints.txt" "${wheels[$name]}" "$root[potential]"
                ;;
            *)
                echo "expected modnet, crabnet, flaml, chgnet or sevennet, got $name" >&2
                exit 2
                ;;
        esac
        echo "$folder/$name/bin/python"
    done
done
