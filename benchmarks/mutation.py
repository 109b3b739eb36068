"""How many small faults the tests notice: mutants of a module, and its own tests against each.

Usage: pip install cosmic-ray
       python benchmarks/mutation.py [--sample 25] [--seed 0] [MODULE ...]

MODULE is a path such as matminer_phonon_tl/phonons/gap.py; default: those of TESTS. From all
mutants that cosmic-ray makes of a module (another operator, another number, no ``not``, an empty
loop ...), a random sample is tried, each in a copy of the repository, against the tests that mirror
the module (with PHONON_TL_TEST_DATA also those on real documents). Mutants that no test notices are
printed: each is a gap in the tests or no fault at all.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PHONONS = "matminer_phonon_tl/phonons"
TESTS = {
    f"{PHONONS}/bands.py": ["tests/phonons/test_documents.py", "tests/phonons/test_sound.py"],
    f"{PHONONS}/density.py": [
        "tests/phonons/test_documents.py",
        "tests/phonons/test_heat_capacity.py",
    ],
    f"{PHONONS}/documents.py": ["tests/phonons/test_documents.py"],
    f"{PHONONS}/featurizers.py": ["tests/phonons/test_featurizers.py"],
    f"{PHONONS}/frequencies.py": ["tests/phonons/test_frequencies.py"],
    f"{PHONONS}/gap.py": ["tests/phonons/test_gap.py"],
    f"{PHONONS}/heat_capacity.py": ["tests/phonons/test_heat_capacity.py"],
    f"{PHONONS}/model_crystals.py": [
        f"tests/phonons/test_{name}.py" for name in ("model_crystals", "gap")
    ],
    f"{PHONONS}/sound.py": ["tests/phonons/test_sound.py"],
    f"{PHONONS}/force_constants.py": ["tests/phonons/test_force_constants.py"],
    f"{PHONONS}/stability.py": ["tests/phonons/test_stability.py"],
    "matminer_phonon_tl/models/serialization.py": ["tests/models/serialization"],
    "matminer_phonon_tl/evaluation/protocols.py": ["tests/evaluation/test_protocols.py"],
    "matminer_phonon_tl/evaluation/splits.py": ["tests/evaluation/test_splits.py"],
    "matminer_phonon_tl/models/kernel_machine.py": ["tests/models/test_kernel_machine.py"],
    "matminer_phonon_tl/formulas.py": ["tests/test_compositions.py"],
    "matminer_phonon_tl/screening/store.py": ["tests/screening/test_store.py"],
    "matminer_phonon_tl/screening/where.py": ["tests/screening/test_where.py"],
}
TIMEOUT_S = 240


def main() -> None:
    """Print the share of survivors, and each of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=[], metavar="MODULE")
    parser.add_argument("--sample", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(TESTS):
        parser.error(f"expected modules among {', '.join(TESTS)}, got {', '.join(unknown)}")
    tried = survived = 0
    for module in arguments.modules or TESTS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            copy_tree(copy)
            n_all, results = mutate(copy, module, arguments.sample, arguments.seed)
        survivors = [item for item, outcome in results if outcome == "survived"]
        tried += len(results)
        survived += len(survivors)
        print(f"{module}: {len(survivors)} of {len(results)} survive, sampled of {n_all}")
        for mutation in survivors:
            print(f"    line {mutation['start_pos'][0]}: {mutation['operator_name']}")
            print("\n".join(f"        {line}" for line in mutation["diff"]), flush=True)
    print(f"all: {survived} of {tried} survive, {100 * survived / max(tried, 1):.1f} %")


def copy_tree(target: Path) -> None:
    """Copy what git knows."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)


def mutate(
    copy: Path, module: str, n_sample: int, seed: int
) -> tuple[int, list[tuple[dict[str, object], str]]]:
    """Try a sample of a module's mutants; return how many there are, and each one's outcome."""
    from cosmic_ray.work_db import WorkDB, use_db

    tests = " ".join(TESTS[module])
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {tests}"
    config, session = copy / "mutation.toml", copy / "mutation.sqlite"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {TIMEOUT_S}\n'
        f'excluded-modules = []\ntest-command = "{command}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    tool = Path(sys.executable).with_name("cosmic-ray")
    environment = os.environ | {"PYTHONPATH": str(copy)}

    def run(*words: str) -> str:
        result = subprocess.run(
            [tool, *words], cwd=copy, env=environment, check=False, capture_output=True, text=True
        )
        if result.returncode:
            sys.exit(f"{' '.join(words)} failed for {module}:\n{result.stdout}{result.stderr}")
        return result.stdout

    run("baseline", str(config))  # the tests must pass before anything is broken
    run("init", str(config), str(session))
    with use_db(session, WorkDB.Mode.open) as database:
        items = sorted(database.work_items, key=lambda item: repr(item.mutations))
        items = [item for item in items if not is_separator(copy / module, item)]
        chosen = random.Random(seed).sample(items, min(n_sample, len(items)))  # noqa: S311
        database.clear()
        database.add_work_items(chosen)
    run("exec", str(config), str(session))
    results = []
    for line in run("dump", str(session)).splitlines():
        item, result = json.loads(line)
        (mutation,) = item["mutations"]
        diff = (result["diff"] or "").splitlines()
        mutation["diff"] = [
            row for row in diff if row[:1] in "+-" and row[:3] not in ("+++", "---")
        ]
        results.append((mutation, result["test_outcome"]))
    return len(items), results


def is_separator(path: Path, item: Any) -> bool:
    """Whether a mutant is of the bare star in a signature, which cosmic-ray takes for a product."""
    line = path.read_text(encoding="utf-8").splitlines()[item.mutations[0].start_pos[0] - 1]
    return bool(re.search(r"(^|[(,])\s*\*,", line))


if __name__ == "__main__":
    main()
