"""Structures screened a second from a folder of CIF files, beside matminer's symmetry features.

Usage: python benchmarks/structure_screening.py [--times 3]

Every structure of phonon_tl is written as a CIF file, as many times as asked, and the folder is
screened by the command in processes of its own: with one job, and with one for each core. Start-up
counts. GlobalSymmetryFeatures reads a sample of the same files in one process, start-up not
counted, as a user of matminer would.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from matminer.featurizers.structure import GlobalSymmetryFeatures
from pymatgen.core import Structure

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.screening.engines import available_cores

SAMPLE = 10
"""Every so many files are read for matminer's features."""


def main() -> None:
    """Print the rates and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="copies of each structure")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    table = load_phonon_tl()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "crystals")
        folder.mkdir()
        for material, structure in zip(table["material_id"], table["structure"], strict=True):
            text = structure.to(fmt="cif")
            for copy in range(arguments.times):
                (folder / f"{material}-{copy}.cif").write_text(text, encoding="utf-8")
        paths = sorted(folder.iterdir())
        features = GlobalSymmetryFeatures()
        features.featurize(table["structure"][0])
        sample = paths[::SAMPLE]
        started = time.perf_counter()
        for path in sample:
            features.featurize(Structure.from_file(path))
        symmetry = len(sample) / (time.perf_counter() - started)
        print(f"{len(paths)} CIF files; GlobalSymmetryFeatures {symmetry:.0f} a second")
        for jobs in (1, available_cores()):
            seconds = screen(folder, Path(name, f"{jobs}.csv"), jobs)
            rate = len(paths) / seconds
            print(
                f"screen --jobs {jobs}: {seconds:.1f} s, {rate:.0f} a second, "
                f"{rate / symmetry:.2f} times GlobalSymmetryFeatures",
                flush=True,
            )


def screen(folder: Path, out: Path, jobs: int) -> float:
    """Return the seconds that the whole command takes."""
    code = "from matminer_phonon_tl.cli import main; main()"
    arguments = ["screen", str(folder), str(out), "--jobs", str(jobs)]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *arguments], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
