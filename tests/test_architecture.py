"""Imports go one way: no cycle, no room that knows what is built on it, no private name of another.

Read from the source of every module, imports inside functions included. Not seen are names given to
``importlib.import_module``, which the lazy ``__init__`` files use so that importing the package
stays cheap, and which serialization uses for its allow-list of classes: a model file of a network
names a class of a later room. A test asserts that nothing else calls it.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import matminer_phonon_tl

NAME = "matminer_phonon_tl"
PACKAGE = Path(matminer_phonon_tl.__file__).parent

ROOT_FILES = [
    *("_version", "units", "exceptions", "citations", "blas", "files", "untrusted_json"),
    *("unpacking", "spreadsheet"),
    *("formulas", "atoms", "compositions", "space_groups", "structures", "checkpoint"),
]
ROOMS = [
    *("phonons", "datasets", "featurizers", "models", "networks", "evaluation"),
    *("figures", "reproduction", NAME, "screening", "cli"),
]
"""A file at the root, or a room, may import what stands before it. ``matminer_phonon_tl`` is the
package's own ``__init__``, which no part of the library imports, only the programs after it."""
ORDER = [*ROOT_FILES, *ROOMS]
ONLY = {
    "datasets": {"phonons"},
    "figures": {"phonons"},  # they draw what others computed, and nothing that computes draws
    NAME: {"datasets"},
}
"""Rooms that may import fewer of the rooms before them."""
IMPORTS_BY_NAME = {"models/serialization.py"}
"""Files beside ``__init__`` that may import a module by a name in a string."""


class Import(NamedTuple):
    """One imported module or name."""

    path: Path
    """Where it is imported, relative to the package."""
    line: int
    module: str
    """The imported module, dotted."""
    name: str
    """The name taken from the module; empty for the module itself."""

    def __str__(self):
        name = f" import {self.name}" if self.name else ""
        return f"{NAME}/{self.path}:{self.line}: {self.module}{name}"

    @property
    def importer(self):
        """The importing module, dotted."""
        parts = (NAME, *self.path.with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(dotted):
    path = PACKAGE.parent.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports_of(file):
    path = file.relative_to(PACKAGE)
    folder = (NAME, *path.parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            members = [f"{module}.{alias.name}" for alias in node.names]
            found = [
                (member, "") if is_module(member) else (module, alias.name)
                for member, alias in zip(members, node.names, strict=True)
            ]
        else:
            continue
        for module, name in found:
            if module.split(".")[0] == NAME:
                yield Import(path, node.lineno, module, name)


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else NAME


FILES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [each for file in FILES for each in imports_of(file)]
BETWEEN_ROOMS = [each for each in IMPORTS if room_of(each.importer) != room_of(each.module)]


def assert_none(imports):
    if imports:
        listed = "\n".join(map(str, imports))
        pytest.fail(
            f"{len(imports)} imports that the architecture forbids:\n{listed}", pytrace=False
        )


def test_no_module_imports_itself_by_way_of_others():
    graph = {}
    for each in IMPORTS:
        graph.setdefault(each.importer, set()).add(each.module)
    cycle = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # each imports the next
    first = {(each.importer, each.module): each for each in reversed(IMPORTS)}
    assert_none([first[step] for step in pairwise(cycle)])


def test_every_room_has_its_place():
    present = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in FILES}
    assert present - {"__init__"} <= set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_what_stands_before_it(room):
    before = set(ORDER[: ORDER.index(room)])
    allowed = before & (set(ROOT_FILES) | ONLY[room]) if room in ONLY else before
    assert_none(
        [
            each
            for each in BETWEEN_ROOMS
            if room_of(each.importer) == room and room_of(each.module) not in allowed
        ]
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_sees_only_public_names_of_others(room):
    def is_private(name):
        return name.startswith("_") and not name.endswith("__") and name != "_version"

    assert_none(
        [
            each
            for each in BETWEEN_ROOMS
            if room_of(each.importer) == room
            and any(map(is_private, (*each.module.split("."), each.name)))
        ]
    )


def test_only_lazy_packages_import_by_name():
    calls = {
        str(file.relative_to(PACKAGE))
        for file in FILES
        if file.name != "__init__.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__")
    }
    assert calls <= IMPORTS_BY_NAME
