"""Rules about what a flow asks of capabilities: that the operation has them."""

import ast
from collections.abc import Iterator

from keepline.config.lint.scope import Scope
from keepline.config.lint.verbs import texts_of


def use_nodes(scope: Scope, actions: list[str] | None) -> Iterator[tuple[ast.AST, str, str, list[str]]]:
    """Each `call.use` of what the operation lacks; `actions` are all that it has, None where they are not known."""
    if actions is None:
        return
    for node in scope.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "use":
            continue
        if scope.is_call(node.func.value) and node.args:
            for value, name in texts_of(scope, node.args[0]):
                if name not in actions:
                    yield value, "use", name, actions
