"""An operation file as plain values that remember where they stand.

Every scalar is its text: the schema, not YAML's guessing, decides the type, so that a number written `0800` stays
`0800` and `1000` is a fine key. Refused, each with its place: syntax errors, duplicate keys, tags, more than one
document, and files beyond the limits. Source: YAML 1.2.2, read with ruamel.yaml's composer; nothing is ever
constructed from a tag.
"""

import warnings
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from keepline.config.yaml_words import words_of, words_of_bytes
from keepline.model.errors import Mistake
from keepline.model.limits import OPERATION_DEPTH_MAX, OPERATION_FILE_BYTES_MAX, OPERATION_NODES_MAX

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"
Where: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of the file to a value."""

T = TypeVar("T")

MISTAKE_CHARS_MAX = 400
"""Of each part of a mistake that is told; a longer value is cut."""

_SCALAR_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))
_COLLECTION_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_NULL_TAG = "tag:yaml.org,2002:null"
_MERGE_TAG = "tag:yaml.org,2002:merge"


class _Mark(Protocol):
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands; both 1-based."""

    line: int
    column: int
    file: str = ""
    """Empty: in the operation file."""


@dataclass(slots=True)
class Tree:
    """The values of a file and the position of each of them."""

    file: str
    """As it is shown to people."""
    plain: dict[str, Plain] = field(default_factory=dict)
    keys: dict[Where, Position] = field(default_factory=dict)
    values: dict[Where, Position] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    short_for: dict[Where, Where] = field(default_factory=dict)
    """A value that a shorter notation leaves unnamed -> what stands in the file."""
    beside: dict[str, "Tree"] = field(default_factory=dict)
    """Playbooks by their names: files that this one names."""

    def add_mistake(self, where: Where, wrong: str, right: str, *, at_key: bool = False) -> None:
        """Note a mistake about the value (or key) at `where`, or about its nearest parent that is in the file."""
        named = dotted(self.short_for.get(where, where))
        self.mistakes.append(self.mistake_at(self.position(where, at_key=at_key), named, wrong, right))

    def mistake_at(self, position: Position, field_path: str, wrong: str, right: str) -> Mistake:
        """A mistake at a position that has been found already, in words that stay on one line."""
        at = (position.file or self.file, position.line, position.column)
        return Mistake(*at, one_line(field_path), one_line(wrong), one_line(right))

    def position(self, where: Where, *, at_key: bool = False) -> Position:
        """Of the value at `where` or of its key; of the nearest parent's key where there is none."""
        found = (self.keys if at_key else self.values).get(where)
        while found is None and where:
            where = where[:-1]
            found = self.keys.get(where) or self.values.get(where)
        return found or Position(1, 1)


def one_line(text: str) -> str:
    """A text as it may stand in a line for people: nothing that a terminal obeys, and no longer than they read."""
    short = text if len(text) <= MISTAKE_CHARS_MAX else f"{text[:MISTAKE_CHARS_MAX]}…"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in short)


def dotted(where: Where) -> str:
    """`numbers.1000.flow`, `trunks.loopback.peers[1]`; `operation file` for the top."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "operation file"


def read_tree(data: bytes, file: str) -> Tree:
    """The values and positions of a YAML file; what cannot be read is in `mistakes`.

    `file` is the name that mistakes show. Never raises for anything that `data` may hold.
    """
    tree = Tree(file)
    if len(data) > OPERATION_FILE_BYTES_MAX:
        wrong = f"the file has more than {OPERATION_FILE_BYTES_MAX} bytes"
        tree.add_mistake((), wrong, "name the operation file, a short YAML text; sounds and code stand beside it")
        return tree
    node = _compose(data, tree)
    if node is None:
        if not tree.mistakes:
            tree.add_mistake((), "the file is empty", "begin with `operation: NAME`")
    elif not isinstance(node, MappingNode):
        is_glued = isinstance(node, ScalarNode) and ":" in node.value
        right = "write a blank after the colon: `operation: NAME`" if is_glued else "begin with `operation: NAME`"
        tree.add_mistake((), "the file is not a mapping", right)
    else:
        tree.plain = cast(dict[str, Plain], _Walk(tree).plain(node, (), Position(1, 1)))
    return tree


def read_value(text: str) -> Plain:
    """The value of a `--set` as the file would read it; raises ValueError when it is not YAML."""
    tree = Tree("")
    node = _compose(text.encode("utf-8", "surrogateescape"), tree)
    value = None if node is None else _Walk(tree).plain(node, (), Position(1, 1))
    if tree.mistakes:
        raise ValueError(tree.mistakes[0].wrong)
    return value


def _compose(data: bytes, tree: Tree) -> Node | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = Position(data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start))
        at = Position(1, 1) if b"\0" in data else at
        tree.mistakes.append(tree.mistake_at(at, "operation file", *words_of_bytes(data)))
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2.2 §3.2.2.2 allows it
            return cast(Node | None, YAML(typ="safe", pure=True).compose(text))
    except MarkedYAMLError as error:
        mark = cast(_Mark | None, error.problem_mark or error.context_mark)
        at = Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)
        problem, right = words_of(error)
    except ReaderError as error:
        at = Position(text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position))
        character = error.character if isinstance(error.character, int) else ord(error.character)
        problem, right = f"the character U+{character:04X} is not allowed", "remove it"
    except RecursionError:
        at, problem, right = Position(1, 1), "values lie too deep within one another", _depth_words()
    except YAMLError as error:
        at, problem, right = Position(1, 1), str(error), "write YAML: `key: value`, indented by spaces"
    tree.mistakes.append(tree.mistake_at(at, "operation file", f"not YAML: {problem}", right))
    return None


def _depth_words() -> str:
    return f"at most {OPERATION_DEPTH_MAX} levels"


@dataclass(slots=True)
class _Walk:
    """From ruamel's nodes to plain values, counting them: an alias in an alias would otherwise grow without end."""

    tree: Tree
    nodes: int = 0
    gave_up: bool = False

    def plain(self, node: Node, where: Where, key_at: Position) -> Plain:
        at = Position(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, ScalarNode) and node.tag == _NULL_TAG and not node.value:
            at = key_at  # an empty value has no place of its own
        self.tree.values[where] = at
        self.nodes += 1
        if self.nodes > OPERATION_NODES_MAX or len(where) > OPERATION_DEPTH_MAX:
            self._give_up(at, too_deep=len(where) > OPERATION_DEPTH_MAX)
            return None
        if isinstance(node, ScalarNode):
            if node.tag not in _SCALAR_TAGS:
                self.tree.add_mistake(where, f"the tag {node.tag} is not understood", "write the value without a tag")
            return None if node.tag == _NULL_TAG else str(node.value)
        if node.tag not in _COLLECTION_TAGS:
            self.tree.add_mistake(where, f"the tag {node.tag} is not understood", "write the value without a tag")
        if isinstance(node, SequenceNode):
            return [
                self.plain(child, (*where, index), at)
                for index, child in enumerate(self._children(cast(list[Node], node.value)))
            ]
        return self._mapping(node, where)

    def _mapping(self, node: Node, where: Where) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for key_node, child in self._children(cast(list[tuple[Node, Node]], node.value)):
            at = Position(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self.tree.mistakes.append(
                    self.tree.mistake_at(at, dotted(where), "a key is a list or a mapping", "write a name as the key")
                )
                continue
            key = str(key_node.value)
            below = (*where, key)
            if key_node.tag == _MERGE_TAG:
                wrong = "`<<` would merge another mapping into this one, and files are not read so"
                right = "write the settings out, or use an alias for a whole value: `second: *first`"
                self.tree.mistakes.append(self.tree.mistake_at(at, dotted(below), wrong, right))
                continue
            if key in found:
                first = self.tree.keys[below]
                wrong = f"`{key}` stands here a second time; the first is in line {first.line}"
                self.tree.mistakes.append(self.tree.mistake_at(at, dotted(below), wrong, "keep one of the two"))
                continue
            self.tree.keys[below] = at
            found[key] = self.plain(child, below, at)
        return found

    def _children(self, children: list[T]) -> list[T]:
        return [] if self.gave_up else children

    def _give_up(self, at: Position, *, too_deep: bool) -> None:
        if self.gave_up:
            return
        self.gave_up = True
        wrong = "values lie too deep within one another" if too_deep else "the file holds too many values"
        right = _depth_words() if too_deep else f"at most {OPERATION_NODES_MAX} values, aliases counted at each use"
        self.tree.mistakes.append(self.tree.mistake_at(at, "operation file", wrong, right))
