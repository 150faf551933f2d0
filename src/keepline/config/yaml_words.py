"""What the YAML reader stumbles over, in a person's words: what is wrong, and what would be right.

It translates the messages of ruamel.yaml's scanner, parser and composer; one that it does not know is passed on.
"""

import re

from ruamel.yaml.error import MarkedYAMLError

_ANYTHING = "write YAML: `key: value`, indented by spaces"
_QUOTE = "put the whole text in quotes"
_COLON = "quote a text that holds `: `, and close what is open: `[` by `]`, `{{` by `}}`"
_ALIKE = "indent the lines of one mapping alike, and put one `key: value` in a line"

_WORDS: tuple[tuple[str, str, str], ...] = (
    (r"found character '\\t'", "a tab stands here", "use spaces: YAML knows no tabs"),
    (r"found character '(.)' that cannot start", "a text cannot begin with `{0}`", _QUOTE),
    (r"expected ',' or '[\]}]', but got ':'", "a colon stands where none can, in what begins in line {line}", _COLON),
    (r"expected ',' or '\]'", "the list that begins with `[` in line {line} is not closed", "close it with `]`"),
    (r"expected ',' or '\}'", "the mapping that begins with `{{` in line {line} is not closed", "close it with `}}`"),
    (r"could not find expected ':'", "line {line} holds no `key: value`", "write a colon and a blank after the key"),
    (
        r"mapping values are not allowed here",
        "a colon stands where none can",
        "quote a text that holds `: `, indent the lines of one mapping alike, and see that the line before has its own"
        " `key: value`",
    ),
    (r"found unexpected end of stream", "the quote that opens in line {line} is not closed", "close the quote"),
    (r"found unknown escape character '(.+)'", "`\\{0}` means nothing in double quotes", "use single quotes"),
    (r"expected <block end>, but found '<scalar>'", "text goes on after a closing quote", _QUOTE),
    (r"expected <block end>, but found '-'", "a list begins where a `key: value` is due", "give the list a key"),
    (r"expected <block end>", "this line is indented unlike those before it", _ALIKE),
    (r"found undefined alias '(.*)'", "`*{0}` has no anchor `&{0}` before it", "quote the value if no alias is meant"),
    (r"but found another document", "a second document begins here", "keep one document in a file"),
    (
        r"expected the node content, but found '<stream end>'",
        "the file ends where a value is due",
        "write the value, and close what is open: `[` by `]`, `{{` by `}}`",
    ),
    (
        r"expected the node content, but found '(.+)'",
        "`{0}` stands where a value is due",
        "write the value, or quote it",
    ),
)


def words_of(error: MarkedYAMLError) -> tuple[str, str]:
    """What is wrong and what would be right."""
    problem = " ".join(filter(None, (error.context, error.problem)))
    line = error.context_mark.line + 1 if error.context_mark else 1
    for pattern, wrong, right in _WORDS:
        if found := re.search(pattern, problem):
            return wrong.format(*found.groups(), line=line), right.format()
    return problem, _ANYTHING


def words_of_bytes(data: bytes) -> tuple[str, str]:
    """The same of a file that is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the file is UTF-16 text", "save it as UTF-8"
    if b"\0" in data:
        return "the file is not a text file", "name the operation file, a YAML text"
    return "the file is not UTF-8 text", "save it as UTF-8"
