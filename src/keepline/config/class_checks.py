"""Whether the classes that provide capabilities are there, with a method for each action. It imports their modules."""

import inspect
import itertools
import traceback
from pathlib import Path
from typing import Any

from keepline.config.answers import CLASS
from keepline.config.flows import add_root, import_module, remove_root
from keepline.config.tree import Tree, Where
from keepline.config.words import nearest

_check_numbers = itertools.count()


def check_classes(tree: Tree, directory: Path) -> None:
    """Each `python.module` is a class that can be made without arguments and has the methods that are promised.

    A module that the flows import too, and that does not import, is told twice: once for each place that names it.
    """
    package = f"keepline_check_class_{next(_check_numbers)}"
    add_root(package, directory)
    try:
        for name, entry in _mapping(tree.plain.get("capabilities")).items():
            paths = _mapping(entry).get("paths")
            for index, path in enumerate(paths if isinstance(paths, list) else []):
                where: Where = ("capabilities", name, "paths", index, "python")
                python = _mapping(_mapping(path).get("python"))
                found = CLASS.fullmatch(str(python.get("module", "")))
                if found is not None:
                    _check_class(tree, where, package, directory, (found[1], found[2]), _mapping(python.get("actions")))
    finally:
        remove_root(package)


def _check_class(
    tree: Tree, where: Where, package: str, directory: Path, reference: tuple[str, str], actions: dict[str, Any]
) -> None:
    module_name, class_name = reference
    at = (*where, "module")
    try:
        module = import_module(package, module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may even raise SystemExit
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith(package):
            known = [each.stem for each in directory.glob("*.py")]
            tree.add_mistake(at, f"there is no module `{module_name}` here", nearest(module_name, known))
        else:
            wrong = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
            tree.add_mistake(at, f"`{module_name}` does not import: {wrong}", "mend the module, so that it imports")
        return
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        known = [name for name, value in vars(module).items() if isinstance(value, type)]
        wrong = f"there is no class `{class_name}` in {module_name}"
        tree.add_mistake(at, wrong, nearest(class_name, known))
        return
    if missing := _wanted_by_constructor(found):
        wrong = f"`{class_name}` cannot be made without `{missing}`"
        tree.add_mistake(at, wrong, f"give `{missing}` of `__init__` a default")
    methods = [name for name, value in inspect.getmembers(found) if callable(value) and not name.startswith("_")]
    for action, entry in actions.items():
        told_by = _mapping(_mapping(entry).get("resolve")).get("method")
        if isinstance(told_by, str) and told_by not in methods:
            wrong = f"`{class_name}` has no method `{told_by}`"
            tree.add_mistake((*where, "actions", action, "resolve", "method"), wrong, nearest(told_by, methods))
        if action not in methods:
            wrong = f"`{class_name}` has no method `{action}`"
            tree.add_mistake((*where, "actions", action), wrong, nearest(action, methods), at_key=True)


def _wanted_by_constructor(found: type) -> str:
    """The first parameter without a default; empty where there is none, or nobody can say."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return ""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return next((each.name for each in parameters if each.default is each.empty and each.kind not in kinds), "")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
