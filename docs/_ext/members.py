"""Which members of a class the reference shows: its own, each once."""

from typing import Any

ROUTING = ("set_fit_request", "set_predict_request", "set_score_request", "set_transform_request")
"""Methods that scikit-learn adds to every estimator."""


def skip(_app: Any, _what: str, name: str, member: Any, _skip: bool, _options: Any) -> bool | None:
    """Leave out scikit-learn's request methods and the fields of named tuples.

    The fields stand in the docstring's section Attributes.
    """
    if name in ROUTING or type(member).__name__ == "_tuplegetter":
        return True
    return None


def setup(app: Any) -> dict[str, Any]:
    """Connect to autodoc."""
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
