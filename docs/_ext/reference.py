"""The reference of a module: every public name of it, from its docstring."""

import inspect
from importlib import import_module

import matminer_phonon_tl


def public_names(module: str, *names: str) -> str:
    """Return a table of a module's names, then each in full.

    Parameters
    ----------
    module : str
    names : str
        Names to show; default: all public ones (``__all__``).
    """
    shown = names or tuple(public(module))
    summary = "\n   ".join(f"~{module}.{name}" for name in shown)
    parts = [f".. autosummary::\n   :nosignatures:\n\n   {summary}"]
    parts += [describe(module, name) for name in shown]
    return rst("\n\n".join(parts))


def public(module: str) -> list[str]:
    """Names of a module's ``__all__``, or the classes and constants it defines."""
    loaded = import_module(module)
    listed = getattr(loaded, "__all__", None)
    if listed is not None:
        return list(listed)
    return [
        name
        for name, value in vars(loaded).items()
        if getattr(value, "__module__", None) == module or name.isupper()
    ]


def describe(module: str, name: str) -> str:
    """Return the directive that documents a name."""
    value = getattr(import_module(module), name)
    full = f"{module}.{name}"
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        members = "" if kind == "autoexception" else "\n   :members:"
        bases = "" if value.__bases__ == (object,) else "\n   :show-inheritance:"
        return f".. {kind}:: {full}{members}{bases}"
    if callable(value):
        return f".. autofunction:: {full}"
    return f".. autodata:: {full}"


def shortcuts() -> str:
    """Return where the names of the package itself are documented."""
    rows = []
    for name in matminer_phonon_tl.__all__:
        value = getattr(matminer_phonon_tl, name)
        if name.startswith("__"):
            continue
        home = ".".join(value.__module__.split(".")[:2])
        rows.append(f"- {{py:obj}}`matminer_phonon_tl.{name} <{home}.{name}>`, of `{home}`")
    return "\n".join(rows)


def rst(content: str) -> str:
    """Return reStructuredText inside a MyST page."""
    return f"````{{eval-rst}}\n{content}\n````"
