"""Importing the flows of one version of an operation, without touching any other version in the same process.

The modules below an operation's directory are imported under a package named by the operation's digest, so that a call
goes on with the code it began with while new calls run the new code. Inside them, `import helpers` finds the
operation's own `helpers` first. Nothing is written beside the sources, and what a module prints at import goes to
stderr.
"""

import builtins
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from keepline.model.operation import FlowReference, Operation

_PACKAGE_PREFIX = "keepline_operation_"
_roots: dict[str, Path] = {}
"""Package name -> directory; one entry for each version imported by this process."""


def import_flow(operation: Operation, reference: FlowReference) -> object:
    """The flow function that `reference` names, in the version of `operation`.

    Raises whatever its module raises at import, ModuleNotFoundError, AttributeError, or TypeError for what is no flow.
    """
    package = _PACKAGE_PREFIX + operation.digest
    add_root(package, Path(operation.directory))
    found = getattr(import_module(package, reference.module), reference.function)
    if not is_flow(found):
        raise TypeError(f"{reference.module}:{reference.function} is not marked @flow")
    return cast(object, found)


def import_class(operation: Operation, module: str, name: str) -> type[object]:
    """A class of the operation's own, for a connector. Raises whatever its module raises, or TypeError for no class."""
    package = _PACKAGE_PREFIX + operation.digest
    add_root(package, Path(operation.directory))
    found = getattr(import_module(package, module), name)
    if not isinstance(found, type):
        raise TypeError(f"{module}:{name} is not a class")
    return found


def is_flow(value: object) -> bool:
    """Whether it is an async function marked by `keepline.flow.flow`."""
    return getattr(value, "__keepline_flow__", False) is True and inspect.iscoroutinefunction(value)


def add_root(package: str, directory: Path) -> None:
    """Make `directory` importable as `package`."""
    _roots[package] = directory
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def remove_root(package: str) -> None:
    """Forget `package` and every module of it."""
    _roots.pop(package, None)
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]


def import_module(package: str, name: str) -> types.ModuleType:
    """The module `name` of the operation imported as `package`; raises what the module raises."""
    importlib.invalidate_caches()
    with contextlib.redirect_stdout(sys.stderr):
        return importlib.import_module(f"{package}.{name}")


def python_files(directory: Path) -> Iterator[Path]:
    """The modules that flows can import: the directory's own and those of packages (with `__init__.py`) below it."""
    for path in sorted(directory.iterdir()):
        if path.suffix == ".py" and path.is_file():
            yield path
        elif path.name.isidentifier() and (path / "__init__.py").is_file():
            yield from python_files(path)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the packages of `add_root` and what lies below them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, below = fullname.partition(".")
        directory = _roots.get(package)
        if directory is None:
            return None
        if not below:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(directory)]
            return spec
        base = directory.joinpath(*below.split("."))
        init, module = base / "__init__.py", base.with_name(base.name + ".py")
        file, is_package = (init, True) if init.is_file() else (module, False)
        if not file.is_file():
            return None
        loader = _Loader(fullname, str(file), package)
        locations = [str(base)] if is_package else None
        return importlib.util.spec_from_file_location(
            fullname, file, loader=loader, submodule_search_locations=locations
        )


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a module with an `import` that looks into its own operation first; neither reads nor writes bytecode."""

    def __init__(self, fullname: str, path: str, package: str) -> None:
        super().__init__(fullname, path)
        self.package = package

    def path_stats(self, path: object) -> Mapping[str, float]:
        raise OSError("no bytecode: it could belong to another version")

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _OwnImport(self.package)}
        super().exec_module(module)


class _OwnImport:
    """`__import__` for the modules of one operation."""

    def __init__(self, package: str) -> None:
        self.package = package

    def __call__(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        top = name.partition(".")[0]
        if level == 0 and self._is_own(top):
            full = f"{self.package}.{name}"
            importlib.import_module(full)
            if fromlist:
                return builtins.__import__(full, globals, locals, fromlist, 0)
            return sys.modules[f"{self.package}.{top}"]
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _is_own(self, top: str) -> bool:
        directory = _roots.get(self.package)
        return directory is not None and (
            (directory / f"{top}.py").is_file() or (directory / top / "__init__.py").is_file()
        )
