"""A lint for flows: what would not survive a crash, read from the code, before the first call.

A flow is run again with the results of its steps; whatever else it decides by must be the same the second time. The
lint reads the functions marked @flow and what of the operation's own they use. It imports nothing, and where the text
does not say what a name stands for it says nothing. The rules are in `docs/reference/flow-lint.md`.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from keepline.config.lint.capabilities import Actions, use_nodes
from keepline.config.lint.findings import Finding, finding, finding_at
from keepline.config.lint.modules import CodeBase, read_code
from keepline.config.lint.orders import orders
from keepline.config.lint.reach import code_of_flows
from keepline.config.lint.rules import RULES
from keepline.config.lint.scope import Scope
from keepline.config.lint.uses import changes, imports, uses
from keepline.config.lint.verbs import hang_up_nodes, verb_nodes

__all__ = ["RULES", "Finding", "lint_flows"]


def lint_flows(directory: Path, prompts: list[str] | None, actions: Actions | None = None) -> list[Finding]:
    """Every finding in the flows below a directory, in the order of files and lines.

    `prompts` are the names that the operation has, `actions` its CAPABILITY.ACTION with the arguments that each wants;
    None where they are not known, and then none is wrong.
    """
    code = read_code(directory)
    found = {each for scope in code_of_flows(code) for each in _findings(scope, prompts, actions)}
    return sorted(found | set(_unknown_excuses(code)))


def _findings(scope: Scope, prompts: list[str] | None, actions: Actions | None) -> Iterator[Finding]:
    module = scope.module
    for node, rule, name in chain(uses(scope), imports(scope), changes(scope), orders(scope)):
        if not module.is_excused(node, rule):
            yield finding(module, node, rule, name)
    if scope.function is not None:
        for node, rule, name, known in chain(
            verb_nodes(scope, prompts), use_nodes(scope, actions), hang_up_nodes(scope)
        ):
            if not module.is_excused(node, rule):
                yield finding(module, node, rule, name, known)


def _unknown_excuses(code: CodeBase) -> Iterator[Finding]:
    for module in code.modules.values():
        for line, excuses in module.excuses.items():
            for name, column in excuses:
                if name not in RULES:
                    yield finding_at(module, line, column, "allow", name, list(RULES))
