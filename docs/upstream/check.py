"""Put what is offered to matminer into a copy of it, and check it there without this package.

Usage: python docs/upstream/check.py [--checkout MATMINER]

The copy is of the installed matminer; this package cannot be imported beside it. The dataset is
downloaded from this machine in place of its archive, and read, and the featurizer's tests are run.
MATMINER is a checkout of matminer's repository: then matminer's own tests of datasets are run too,
those that need no other download, with the new set among them and in its complete mode
(MATMINER_DATASET_FULL_TEST).
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import matminer

OFFER = Path(__file__).parent
PACKAGE = OFFER.parents[1] / "matminer_phonon_tl"
NAME = "phonon_tl"

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "matminer_phonon_tl":
            raise ImportError("the copy must do without this package")
sys.meta_path.insert(0, Block())
"""

LOAD = """
from matminer.datasets import get_all_dataset_info, load_dataset
from matminer.datasets.utils import _load_dataset_dict
entry = _load_dataset_dict()["phonon_tl"]
df = load_dataset("phonon_tl")
assert len(df) == entry["num_entries"] == 1245, len(df)
assert sorted(df) == sorted(entry["columns"]), sorted(df)
assert "Liu" in get_all_dataset_info("phonon_tl")
print("dataset: downloaded, its hash checked, read:", df.shape)
"""


def main() -> None:
    """Run the checks; a failed one ends with its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path)
    checkout = parser.parse_args().checkout
    if checkout and not (checkout / "tests" / "datasets").is_dir():
        parser.error(f"expected a checkout of matminer with tests/datasets, got {checkout}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        with served(PACKAGE / "datasets") as address:
            install(copy / "matminer", f"{address}/{NAME}.json.gz")
            (copy / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")
            shutil.copy(OFFER / "test_xenonpy.py", copy)
            run(copy, "-c", LOAD)
            run(copy, "-m", "unittest", "test_xenonpy")
            if checkout:
                own_tests(copy, checkout)


class served:  # noqa: N801
    """A folder over HTTP on this machine, while the block runs."""

    def __init__(self, folder: Path) -> None:
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        handler = functools.partial(Quiet, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()


def install(copy: Path, url: str) -> None:
    """Add entry, featurizer and table to a copy of the installed matminer."""
    source = Path(matminer.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.json.gz"))
    metadata = copy / "datasets" / "dataset_metadata.json"
    entries = json.loads(metadata.read_text(encoding="utf-8"))
    entries |= json.loads((PACKAGE / "datasets" / "metadata.json").read_text(encoding="utf-8"))
    entries[NAME]["url"] = url
    metadata.write_text(json.dumps(entries, indent=2), encoding="utf-8")
    shutil.copy(OFFER / "xenonpy.py", copy / "featurizers" / "composition")
    table = PACKAGE / "featurizers" / "element_table.csv"
    shutil.copy(table, copy / "utils" / "data_files" / "xenonpy_elements.csv")


def own_tests(copy: Path, checkout: Path) -> None:
    """Run matminer's tests of datasets, the new set's name added to their list."""
    tests = copy / "tests" / "datasets"
    shutil.copytree(checkout / "tests" / "datasets", tests)
    for folder in (tests, tests.parent):
        (folder / "__init__.py").touch()
    listed = tests / "conftest.py"
    text = listed.read_text(encoding="utf-8")
    known = '"tholander_nitrides",'
    if known not in text:
        sys.exit(f"expected matminer's list of datasets in {listed}, found another: look at it")
    listed.write_text(text.replace(known, f'{known} "{NAME}",'), encoding="utf-8")
    shutil.copy(OFFER / "test_phonon_tl.py", tests)
    run(
        copy, "-m", "unittest", "-v", "tests.datasets.test_dataset_retrieval",
        "tests.datasets.test_phonon_tl.PhononTLTest",
        "tests.datasets.test_utils.UtilsTest.test_load_dataset_dict",
    )  # fmt: skip


def run(copy: Path, *arguments: str) -> None:
    """Run Python in the copy."""
    environment = os.environ | {"PYTHONPATH": str(copy), "MATMINER_DATASET_FULL_TEST": "True"}
    result = subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, check=False)
    if result.returncode:
        sys.exit(result.returncode)


if __name__ == "__main__":
    main()
