"""Imports go one way: each room uses the rooms before it, and no two modules need each other.

The imports are read from the source, those inside functions included. Two kinds are left out on
purpose: modules named to ``import_module`` (the lazy names of an ``__init__``, and the classes that
a model file may name), and the ``__init__`` that Python runs before a module of its folder.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import matminer_phonon_tl

PACKAGE = Path(matminer_phonon_tl.__file__).parent
NAME = PACKAGE.name
IN_ORDER = (
    "phonons", "datasets", "featurizers", "models", "networks", "evaluation", "reproduction"
)  # fmt: skip
"""Each of these rooms may use those that stand before it."""
OTHERS = {
    "figures": {"phonons"},
    "screening": {NAME, *IN_ORDER},
    "cli": {NAME, *IN_ORDER, "figures", "screening"},
    NAME: {"datasets"},  # the package itself, whose other names are lazy
}
MAY_USE = {room: set(IN_ORDER[:place]) for place, room in enumerate(IN_ORDER)} | OTHERS
MAY_USE["reproduction"].add("figures")
FILES = "files of the package"
"""Room of the modules that stand in no folder, such as units; they use each other alone."""
MAY_NAME_MODULES = ("__init__.py", "serialization.py")
"""Files in which ``import_module`` may stand."""


class Import(NamedTuple):
    """One imported name."""

    module: str
    imported: str
    where: str

    def __str__(self):
        return f"{self.where}: {self.module} imports {self.imported}"


def modules_of(package):
    """Return the file of each module by its dotted name; a folder's name is its ``__init__``."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


@cache
def imports_of(package):
    """Return each import of one module of the package by another, in the order of the files."""
    files = modules_of(package)
    found = {}
    for module, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: expected absolute imports"
                asked = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                asked = [alias.name for alias in node.names]
            else:
                continue
            where = f"{path.relative_to(package.parent)}:{node.lineno}"
            for name in asked:
                if name.split(".")[0] == package.name:
                    imported = name if name in files else name.rpartition(".")[0]
                    found[Import(module, imported, where)] = None
    return list(found)


def room_of(module):
    parts = module.split(".")
    if len(parts) == 1:
        return NAME
    return parts[1] if parts[1] in MAY_USE else FILES


def upward(imports):
    """Return the imports of rooms that do not stand before the importing module's."""
    return [
        each
        for each in imports
        if room_of(each.imported) not in {FILES, room_of(each.module)}
        and room_of(each.imported) not in MAY_USE.get(room_of(each.module), set())
    ]


def private(imports):
    """Return the imports of modules ``_x`` from outside the folder that they stand in."""
    return [
        each
        for each in imports
        for folder, _, name in [each.imported.rpartition(".")]
        if name.startswith("_") and not f"{each.module}.".startswith(f"{folder}.")
    ]


def cycle(imports):
    """Return the imports that go round in a circle, if any do."""
    needs = {}
    for each in imports:
        needs.setdefault(each.module, {})[each.imported] = each
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        ring = error.args[1]  # each is needed by the next
        return [needs[module][needed] for needed, module in pairwise(ring)]
    return []


def listed(imports):
    return "\n".join(map(str, imports))


def test_every_folder_is_a_room():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == MAY_USE.keys() - {NAME}


def test_rooms_use_the_rooms_before_them():
    found = upward(imports_of(PACKAGE))
    assert not found, f"expected imports of rooms that stand before, got\n{listed(found)}"


def test_private_modules_are_used_in_their_folder_alone():
    found = private(imports_of(PACKAGE))
    assert not found, f"expected imports of public modules, got\n{listed(found)}"


def test_no_two_modules_need_each_other():
    found = cycle(imports_of(PACKAGE))
    assert not found, f"expected imports without a circle, got\n{listed(found)}"


def test_modules_are_named_in_few_files():
    """Only these could import what the other tests do not see."""
    for path in modules_of(PACKAGE).values():
        if path.name not in MAY_NAME_MODULES:
            text = path.read_text(encoding="utf-8")
            assert "import_module" not in text, f"import_module in {path}"
            assert "__import__" not in text, f"__import__ in {path}"


@pytest.fixture
def wrong(tmp_path):
    """Make a package that breaks every rule."""
    sources = {
        "units.py": "",
        "phonons/__init__.py": "",
        "phonons/gap.py": "def f():\n    from matminer_phonon_tl.models import gap_classifier\n",
        "phonons/sound.py": "from matminer_phonon_tl.phonons import bands\n",
        "phonons/bands.py": "import matminer_phonon_tl.phonons.sound\n",
        "models/__init__.py": "",
        "models/gap_classifier.py": "from matminer_phonon_tl.phonons._grid import grid\n",
        "phonons/_grid.py": "from matminer_phonon_tl.units import THZ\n",
    }
    for name, source in sources.items():
        path = tmp_path / NAME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return imports_of(tmp_path / NAME)


def test_what_breaks_a_rule_is_named_with_its_line(wrong):
    assert listed(upward(wrong)) == (
        "matminer_phonon_tl/phonons/gap.py:2: matminer_phonon_tl.phonons.gap imports "
        "matminer_phonon_tl.models.gap_classifier"
    )
    assert [each.where for each in private(wrong)] == [
        "matminer_phonon_tl/models/gap_classifier.py:1"
    ]
    assert {each.where for each in cycle(wrong)} == {
        "matminer_phonon_tl/phonons/sound.py:1",
        "matminer_phonon_tl/phonons/bands.py:1",
    }
