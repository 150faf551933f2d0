"""Rules about what a flow asks of capabilities: that the operation has it, and that it is given what it wants."""

import ast
from collections.abc import Iterator, Mapping

from keepline.config.lint.scope import Scope
from keepline.config.lint.verbs import texts_of

Actions = Mapping[str, frozenset[str]]
"""CAPABILITY.ACTION -> the arguments that it cannot do without."""


def use_nodes(scope: Scope, actions: Actions | None) -> Iterator[tuple[ast.AST, str, str, list[str]]]:
    """Each `call.use` of what the operation lacks, or without an argument that is wanted; None: they are not known."""
    if actions is None:
        return
    for node in scope.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "use":
            continue
        if scope.is_call(node.func.value) and node.args:
            for value, name in texts_of(scope, node.args[0]):
                if name not in actions:
                    yield value, "use", name, list(actions)
                else:
                    yield from ((node, "argument", each, []) for each in sorted(_missing(node, actions[name])))


def _missing(node: ast.Call, wanted: frozenset[str]) -> frozenset[str]:
    """The arguments that a use certainly does not give."""
    given = {keyword.arg for keyword in node.keywords}
    return frozenset() if None in given else wanted - given
