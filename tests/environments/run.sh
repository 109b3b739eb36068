#!/usr/bin/env bash
# Make environments of other versions than constraints.txt has, and run tests in them.
# Usage: tests/environments/run.sh FOLDER [--all-tests] [KIND...]
#
#   lowest   Python 3.11, every direct requirement and extra at its lower bound
#   newest   Python 3.11, the newest of each that the bounds allow
#   bare     Python 3.11, lower bounds, no extra and no torch
#   3.12     Python 3.12, newest, no extra and no torch (where the interpreter is found)
#   3.13     Python 3.13, likewise
#   quick    what CI has time for: bare
#
# torch is installed by itself, as the version named here: a bare "torch" takes some gigabytes of
# CUDA. So its lower bound, 2.4, is not tested. No kind has XenonPy, which needs an older numpy:
# benchmarks/make_xenonpy_environment.sh makes its environment, and the tests run it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "${1:?expected the folder of the new environments}"
folder=$(cd "$1" && pwd)
shift
cd "$root"

# Installed from a copy: another build may be at work in the tree.
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$package"

few=(tests/test_package.py tests/test_missing_packages.py tests/test_compositions.py
    tests/test_exceptions.py tests/featurizers
    tests/datasets/test_load.py tests/datasets/test_registry.py
    tests/models/test_predictor.py tests/models/test_gap_classifier.py
    tests/models/test_phonon_regressor.py tests/networks/transfer
    tests/evaluation/test_comparison.py tests/evaluation/test_splits.py tests/figures
    tests/phonons tests/screening/test_screen.py)
# Neither torch nor any extra.
torchless=(tests/test_package.py tests/test_compositions.py tests/test_exceptions.py
    "tests/test_missing_packages.py::test_importing_loading_featurizing_and_predicting_need_none_of_them"
    "tests/test_missing_packages.py::test_a_missing_package_says_what_to_install"
    tests/datasets/test_load.py tests/datasets/test_registry.py tests/models/test_predictor.py)
all=(tests)
if [ "${1:-}" = --all-tests ]; then
    few=("${all[@]}")
    shift
fi

interpreter() { # VERSION
    local found
    for found in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if "$found" -c "" 2> /dev/null; then
            echo "$found"
            return
        fi
    done
    return 1
}

environment() { # KIND PYTHON BOUNDS WITH_TORCH [EXTRA...]
    local kind=$1 python=$2 bounds=$3 with_torch=$4
    shift 4
    "$python" -m venv "$folder/$kind"
    local pip=("$folder/$kind/bin/pip" --disable-pip-version-check install -q)
    if [ "$with_torch" = torch ]; then
        "${pip[@]}" torch==2.13.0
    fi
    "$python" tests/environments/requirements.py "$bounds" "$@" > "$folder/$kind.txt"
    "${pip[@]}" -r "$folder/$kind.txt" pytest hypothesis
    "${pip[@]}" --no-deps "$package"
}

check() { # KIND TEST...
    local python=$folder/$1/bin/python
    printf '\n-- %s: ' "$1"
    "$python" - << 'PYTHON'
import platform
from importlib import metadata

names = ("numpy", "pandas", "scipy", "scikit-learn", "matminer", "pymatgen", "torch")
found = {own.metadata["Name"].lower(): own.version for own in metadata.distributions()}
print("Python", platform.python_version(), *(f"{n} {found.get(n, 'none')}" for n in names), sep=", ")
PYTHON
    "$python" -m pytest -q -p no:cacheprovider "${@:2}"
}

for kind in "${@:-quick}"; do
    case $kind in
        lowest)
            environment lowest python3.11 lowest torch test
            check lowest "${few[@]}"
            ;;
        newest)
            environment newest python3.11 newest torch test
            check newest "${few[@]}"
            ;;
        bare | quick)
            environment bare python3.11 lowest without
            check bare "${torchless[@]}"
            ;;
        3.*)
            if ! python=$(interpreter "$kind"); then
                echo "-- $kind: no python$kind is found, so nothing was tested"
                continue
            fi
            environment "$kind" "$python" newest without
            check "$kind" "${torchless[@]}"
            ;;
        *)
            echo "expected lowest, newest, bare, 3.12, 3.13 or quick, got $kind" >&2
            exit 2
            ;;
    esac
done
