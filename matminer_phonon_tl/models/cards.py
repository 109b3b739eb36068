"""Card of a model file in the form of the Hugging Face Hub: metadata as YAML, then Markdown."""

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from matminer_phonon_tl.files import file_hash
from matminer_phonon_tl.models.predictor import HAS_GAP, SHIPPED_FILES, TARGETS
from matminer_phonon_tl.models.serialization import read_document
from matminer_phonon_tl.models.shipped import model_file, shipped_hashes
from matminer_phonon_tl.untrusted_json import in_words

LICENSE = "bsd-3-clause"
"""License of the shipped models, as the Hub names it."""
_TAGS = ("materials-science", "phonons", "matminer", "pymatgen")
_MEANING = {
    HAS_GAP: "whether there is an acoustic-optical gap, with its probability",
    "phonon_bandgap": "acoustic-optical gap of the primitive cell: lowest frequency of the fourth "
    "branch less the highest of the third; asked only where a gap is expected",
    "largest_gap": "widest range of frequencies without phonons",
    "speed_of_sound": "mean speed of the three acoustic waves",
    "speed_longitudinal": "mean speed of the fastest acoustic wave",
    "speed_transverse": "mean speed of the two slower acoustic waves",
    "debye_temperature": "Debye temperature of the speeds of sound",
    "heat_capacity": "lattice heat capacity at constant volume and 300 K",
}
_UNITS = {"phonon_bandgap": "cm-1", "largest_gap": "cm-1", "debye_temperature": "K"}
_SCORES = {
    "f1": "F1: harmonic mean of precision and recall",
    "auroc": "auroc: area under the receiver operating characteristic",
    "auprc": "auprc: area under the curve of precision and recall",
    "mae": "mae: mean absolute error, in the unit of the property",
    "r2": "r2: coefficient of determination",
    "coverage_of_90_percent_intervals": "coverage of 90 percent intervals: share of held-out "
    "values inside theirs",
}
_OF_SHIPPED = """\
- The models have learnt from stable, inorganic crystals, those of the acoustic-optical
  gap from semiconductors alone: metals and magnets are few among them, and a material with
  imaginary modes is none."""
_OF_PREDICTORS = """\
- `in_domain` is false for a material far from the training materials (`training_similarity` is near
  0), and for elements that were never seen, which `unseen_elements` names.
- It is false, and `note` says why, for what no model of bulk crystals can know: a layer, chain or
  molecule in vacuum, a crystal of molecules or complex ions, sites that are partly occupied,
  magnetism. Of a formula only elements tell that it may be magnetic (V, Cr, Mn, Fe, Co, Ni, U, Np,
  Pu), as of a structure without moments.
- A value at a bound says so in `note`: a heat capacity of 3R an atom, a gap of 0 where there is to
  be one.
- The gap is that of the primitive cell. A formula is read as one: `InN` has two atoms, `In2N2`
  four.
- An interval holds the wanted share of compounds like the training ones."""
_OF_OTHERS = """\
- The model does not say how like its training materials a compound is: `PhononPredictor` does."""
_UNSTATED = "- The file does not state a license, nor which data it was made of."


def model_card(file: str | Path) -> str:
    """Write the card of a model file: what it predicts, how it was trained, scores, limits.

    Parameters
    ----------
    file : path
        A model file, or the name of one that ships (``predictor.json.gz``).

    Returns
    -------
    str
        A YAML header as the Hugging Face Hub reads it, with the scores as ``model-index``, and
        Markdown. All of it comes from the file. License and datasets are known, and stated, of the
        shipped models alone.

    Raises
    ------
    ModelFormatError
        If it is no model file.

    Examples
    --------
    >>> print(model_card("predictor.json.gz").splitlines()[1])
    library_name: "matminer-phonon-tl"
    """
    with model_file(file) as path:
        document = read_document(path)
        ships = file_hash(path) in shipped_hashes().values()
    return f"{_metadata(document, Path(file), ships=ships)}\n{_text(document, file, ships=ships)}"


def _metadata(document: dict[str, Any], file: Path, *, ships: bool) -> str:
    """Write the YAML header; JSON is YAML, so that nothing in the file can break out of a text."""
    labels = [label for label, _ in _models(document)]
    tasks = {_task(label): None for label in labels}
    lines = ['library_name: "matminer-phonon-tl"']
    if ships:
        lines.append(f'license: "{LICENSE}"')
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in (*_TAGS, *tasks))]
    if ships:
        lines += ["datasets:", *(f"- {json.dumps(name)}" for name in _datasets(labels))]
    results = [result for score in _scores(document) if (result := _result(score, ships=ships))]
    if results:
        lines += ["model-index:", f"- name: {json.dumps(_name(file))}", "  results:"]
        for result in results:
            members = [f"{key}: {json.dumps(member)}" for key, member in result.items()]
            lines += [f"  - {members[0]}", *(f"    {member}" for member in members[1:])]
    return "\n".join(["---", *lines, "---", ""])


def _result(score: dict[str, Any], *, ships: bool) -> dict[str, Any] | None:
    """Write a score as an entry of ``model-index``."""
    metrics = [
        {"type": name, "value": value, "name": _plain(name)}
        for name, value in score.items()
        if name not in ("target", "protocol", "rows") and _is_number(value)
    ]
    if not metrics:
        return None
    label = str(score["target"])
    return {
        "task": {"type": _task(label), "name": label},
        "dataset": {
            "type": " + ".join(_datasets([label])) if ships else "the training table",
            "name": "training materials, each held out once",
            "args": {"rows": score.get("rows"), "protocol": score["protocol"]},
        },
        "metrics": metrics,
    }


def _text(document: dict[str, Any], file: str | Path, *, ships: bool) -> str:
    """Write what stands below the header."""
    card = _mapping(document.get("card"))
    uses_structure = _mapping(document["params"]).get("use_structure") is True
    given = "structure" if uses_structure else "composition"
    kind = _cell(document.get("@class"))
    models = list(_models(document))
    units = _UNITS | _mapping(card.get("units"))
    facts = {
        "trained on": card.get("training_data"),
        "left out": card.get("left_out"),
        "parameters": document["params"] if models[0][1] is not document else None,
        "made by": f"matminer-phonon-tl {document.get('@version')}",
        "versions": card.get("versions"),
        "sha256": document["sha256"],
    }
    limits = [_OF_PREDICTORS if document.get("@class") == "PhononPredictor" else _OF_OTHERS]
    limits = [_OF_SHIPPED, *limits] if ships else [*limits, _UNSTATED]
    parts = [
        f"# {_cell(_name(Path(file)))}",
        f"A {kind} of matminer-phonon-tl: properties of inorganic crystals from their {given}.",
        "## What it predicts",
        _table(
            ["property", "unit", "what it is"],
            [
                [f"`{_cell(label)}`", _cell(units.get(label, "")), _MEANING.get(label, "")]
                for label in _labels(models, card)
            ],
        ),
        f"```python\n{_use(file, ships=ships, structure=uses_structure)}\n```",
        "## How it was trained",
        _table(
            ["model of", "class", "materials", "parameters"],
            [
                [
                    f"`{_cell(label)}`" if label else "",
                    _cell(model.get("@class")),
                    _cell(_n_rows(model)),
                    _cell(_mapping(model.get("params"))),
                ]
                for label, model in models
            ],
        ),
        _table(["", ""], [[f"**{k}**", _cell(v)] for k, v in facts.items() if v is not None]),
        "## Scores",
        *_score_tables(document),
        "## Limits",
        "\n".join(limits),
        "## Citation",
        _cell(card.get("citation", "none given")),
    ]
    return "\n\n".join(parts) + "\n"


def _use(file: str | Path, *, ships: bool, structure: bool) -> str:
    name = Path(file).name
    if ships and name in SHIPPED_FILES.values():
        more = SHIPPED_FILES[structure, True] == name
        given = {"structure": structure, "more": more}
        option = ", ".join(f"{key}=True" for key, value in given.items() if value)
        asked = "[structure]" if structure else '["InN", "GaSb"]'
        return (
            "from matminer_phonon_tl.models import PhononPredictor\n\n"
            f"predictor = PhononPredictor.from_pretrained({option})\n"
            f"table = predictor.predict({asked})"
        )
    return (
        "from matminer_phonon_tl.models import load_model\n\n"
        f"model = load_model({json.dumps(name)})"
    )


def _score_tables(document: dict[str, Any]) -> Iterator[str]:
    """Write the scores of each protocol, and what they mean."""
    scores = list(_scores(document))
    if not scores:
        yield "The file holds none."
    for protocol in dict.fromkeys(str(score["protocol"]) for score in scores):
        rows = [score for score in scores if str(score["protocol"]) == protocol]
        names = dict.fromkeys(name for row in rows for name in row)
        names = dict.fromkeys(name for name in names if name not in ("target", "protocol"))
        body = [
            [f"`{_cell(row['target'])}`", *(_cell(row.get(name, "")) for name in names)]
            for row in rows
        ]
        yield f"Protocol {_cell(protocol)}:"
        yield _table(["property", *(_cell(_plain(name)) for name in names)], body)
        if said := [_SCORES[name] for name in names if name in _SCORES]:
            yield f"{'; '.join(said)}."


def _models(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the label and document of each model in a file: of a predictor, those it holds."""
    state = _mapping(document.get("state"))
    if {"model", "target"} <= state.keys():  # a pipe
        yield str(state["target"]), _mapping(state["model"])
        return
    if not {"classifier", "regressors"} <= state.keys():
        params = _mapping(document.get("params"))
        is_classifier = document.get("@class") == "PhononGapClassifier"
        yield HAS_GAP if is_classifier else str(params.get("target") or ""), document
        return
    if isinstance(state["classifier"], dict):
        yield HAS_GAP, state["classifier"]
    for label, model in _mapping(state["regressors"]).items():
        yield label, _mapping(model)


def _labels(models: list[tuple[str, dict[str, Any]]], card: dict[str, Any]) -> list[str]:
    """Name what is predicted, as far as the file tells."""
    named = [label for label, _ in models if label]
    return named or list(_mapping(card.get("units"))) or ["not stated"]


def _scores(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the scores of a card that have a target and a protocol."""
    found = _mapping(document.get("card")).get("scores")
    for score in found if isinstance(found, list) else ():
        if isinstance(score, dict) and {"target", "protocol"} <= score.keys():
            yield score


def _datasets(labels: list[str]) -> list[str]:
    """Name the sets of this package that shipped models of these labels have learnt from.

    As ``load_training_set`` says: gaps from the paper's set, the rest also or only from the other.
    """
    kyoto = ["phonondb_kyoto"] if {*labels} - {HAS_GAP, "phonon_bandgap"} else []
    return ["phonon_tl", *kyoto] if {*labels} & {HAS_GAP, *TARGETS} else kyoto


def _n_rows(model: dict[str, Any]) -> Any:
    return _mapping(_mapping(model.get("card")).get("training_data")).get("rows", "not stated")


def _task(label: str) -> str:
    return "tabular-classification" if label == HAS_GAP else "tabular-regression"


def _name(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".json")


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _cell(value: Any) -> str:
    """Write a value into Markdown, where what a stranger's file holds may be no markup."""
    text = in_words(value)
    for sign, harmless in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(sign, harmless)
    return text


def _table(header: list[str], body: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
