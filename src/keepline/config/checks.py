"""Whether the parts of an operation file agree with one another and with the files beside it.

Works on the plain values, so that these mistakes are told along with those of single values: a value of the wrong
shape is the schema's business and is passed over here.
"""

import inspect
import itertools
import traceback
import wave
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from pydantic_core import PydanticCustomError

from keepline.config.capability_checks import action_arguments, check_is_not_deferred
from keepline.config.flows import add_root, import_module, is_flow, remove_root
from keepline.config.lint import lint_flows
from keepline.config.numbers import same_number
from keepline.config.tree import Plain, Position, Tree, Where, dotted
from keepline.config.values import parse_advertised, parse_host_port, parse_port_range, parse_reference
from keepline.config.words import nearest
from keepline.flow import takes_run
from keepline.model.operation import FlowReference, HostPort

_check_numbers = itertools.count()


def section(tree: Tree, name: str) -> dict[str, Plain]:
    """A mapping of the file, empty where it is absent or of the wrong shape."""
    found = tree.plain.get(name)
    return found if isinstance(found, dict) else {}


def check_numbers(tree: Tree) -> None:
    """Each number names a flow that exists, and no number stands there twice, in whatever notation."""
    flows = sorted(section(tree, "flows"))
    first: dict[str, str] = {}
    for number, entry in section(tree, "numbers").items():
        same = first.setdefault(same_number(number), number)
        if same != number:
            line = tree.position(("numbers", same), at_key=True).line
            wrong = f"`{number}` is the same number as `{same}` in line {line}"
            tree.add_mistake(("numbers", number), wrong, "keep one of the two", at_key=True)
        flow = entry.get("flow") if isinstance(entry, dict) else None
        if isinstance(flow, str) and flow not in flows:
            tree.add_mistake(("numbers", number, "flow"), f"there is no flow `{flow}`", nearest(flow, flows))


def check_ports(tree: Tree) -> None:
    """SIP does not listen on a port that audio uses."""
    listen, ports = section(tree, "sip").get("listen"), section(tree, "media").get("rtp_ports")
    if not isinstance(listen, str):
        return
    try:
        port = parse_host_port(listen).port
        first, last = parse_port_range(ports if isinstance(ports, str) else "20000-23999")
    except PydanticCustomError:
        return
    if first <= port <= last:
        wrong = f"{port} is one of the ports of audio, {first}-{last}"
        tree.add_mistake(("sip", "listen"), wrong, "give SIP a port outside of `media.rtp_ports`")


def check_addresses(tree: Tree) -> None:
    """Callers can be told where to send what they send, and it is an address of the family that is listened on."""
    listen, told = section(tree, "sip").get("listen"), section(tree, "sip").get("advertised")
    host = _host(parse_host_port, listen) if isinstance(listen, str) else ip_address("127.0.0.1")
    if host is None:
        return
    if host.is_unspecified and told is None:
        wrong = f"`{host}` cannot be told to callers as the address of their audio"
        right = "name the one address that they reach this machine on, here or as `sip.advertised`"
        tree.add_mistake(("sip", "listen"), wrong, right)
    for name, text in (("sip", told), ("media", section(tree, "media").get("advertised"))):
        other = _host(parse_advertised, text) if isinstance(text, str) else None
        if other is not None and other.version != host.version:
            wrong = f"`{other}` is of IPv{other.version}, and SIP listens on IPv{host.version}"
            tree.add_mistake((name, "advertised"), wrong, f"name an address of IPv{host.version}")


def _host(parse: Callable[[str], HostPort], text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(parse(text).host)
    except PydanticCustomError:
        return None


def check_prompts(tree: Tree, directory: Path) -> None:
    """Each prompt has a text or a recording, and the recording can be read."""
    for name, entry in section(tree, "prompts").items():
        if not isinstance(entry, dict):
            continue
        text, file, where = entry.get("text"), entry.get("file"), ("prompts", name)
        if text and file:
            tree.add_mistake(where, "has both a text and a file", "keep `text` or `file`", at_key=True)
        elif not text and not file and None not in (entry.get("text", ""), entry.get("file", "")):
            tree.add_mistake(where, "has neither a text nor a file", "give it a `text` or a `file`", at_key=True)
        if isinstance(file, str) and file:
            _check_recording(tree, (*where, "file"), directory, file)


def _check_recording(tree: Tree, where: Where, directory: Path, file: str) -> None:
    path = (directory / file).resolve()
    if not path.is_relative_to(directory.resolve()):
        wrong = f"`{file}` lies outside of the operation's directory"
        tree.add_mistake(where, wrong, "keep recordings beside the operation file, so that they travel with it")
    elif not path.is_file():
        known = sorted(str(each.relative_to(directory.resolve())) for each in path.parent.glob("*.wav"))
        tree.add_mistake(where, f"there is no file `{file}`", nearest(file, known))
    else:
        try:
            with wave.open(str(path), "rb") as recording:
                frames = recording.getnframes()
        except (wave.Error, EOFError, OSError) as error:
            tree.add_mistake(where, f"`{file}` is not a WAV file ({error or 'cut short'})", "save it as WAV, PCM")
        else:
            if frames == 0:
                tree.add_mistake(where, f"`{file}` holds no sound", "record at least one sample")


def check_fallbacks(tree: Tree) -> None:
    """Each fallback is another flow of the file."""
    flows = sorted(section(tree, "flows"))
    for name, entry in section(tree, "flows").items():
        fallback = entry.get("fallback") if isinstance(entry, dict) else None
        where = ("flows", name, "fallback")
        if isinstance(fallback, str) and fallback and fallback not in flows:
            tree.add_mistake(where, f"there is no flow `{fallback}`", nearest(fallback, flows))
        elif fallback == name:
            tree.add_mistake(where, f"`{name}` cannot be its own fallback", "name another flow, or none")


def check_apology(tree: Tree) -> None:
    """The apology is a text or one of the prompts."""
    entry = section(tree, "apology")
    if not entry:
        return
    text, prompt = entry.get("text"), entry.get("prompt")
    if text and prompt:
        tree.add_mistake(("apology",), "has both a text and a prompt", "keep `text` or `prompt`", at_key=True)
    elif not text and not prompt:
        tree.add_mistake(("apology",), "has neither a text nor a prompt", "give it a `text`", at_key=True)
    prompts = sorted(section(tree, "prompts"))
    if isinstance(prompt, str) and prompt and prompt not in prompts:
        tree.add_mistake(("apology", "prompt"), f"there is no prompt `{prompt}`", nearest(prompt, prompts))


def check_flows(tree: Tree, directory: Path) -> None:
    """Each flow's module imports, and its function is a flow. The modules are forgotten afterwards."""
    package = f"keepline_check_{next(_check_numbers)}"
    add_root(package, directory)
    failures: set[tuple[str, int, str]] = set()
    try:
        for name, entry in section(tree, "flows").items():
            text = entry.get("run") if isinstance(entry, dict) else None
            if isinstance(text, str):
                try:
                    reference = parse_reference(text)
                except PydanticCustomError:
                    continue
                _check_flow(tree, ("flows", name), package, reference, directory, failures)
    finally:
        remove_root(package)


def check_code(tree: Tree, directory: Path) -> None:
    """The code of the flows keeps the rules of the lint."""
    prompts = tree.plain.get("prompts", {})
    names = list(prompts) if isinstance(prompts, dict) else None
    for each in lint_flows(directory, names, action_arguments(tree)):
        at = Position(each.line, each.column, _shown_path(tree, directory, each.path))
        tree.mistakes.append(tree.mistake_at(at, each.rule, each.wrong, each.right))


def _check_flow(
    tree: Tree,
    where: Where,
    package: str,
    reference: FlowReference,
    directory: Path,
    failures: set[tuple[str, int, str]],
) -> None:
    try:
        module = import_module(package, reference.module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may even raise SystemExit
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith(package):
            modules = [each.stem for each in directory.glob("*.py")]
            missing = str(error.name).removeprefix(package + ".").replace(".", "/") + ".py"
            tree.add_mistake(where, f"there is no module `{missing}` here", nearest(reference.module, modules))
            return
        at, wrong = _place_of(error, tree, where, directory)
        if (at.file, at.line, wrong) not in failures:  # one mistake a module, however many flows it has
            failures.add((at.file, at.line, wrong))
            right = "mend the module, so that it imports"
            if isinstance(error, ModuleNotFoundError):
                right = f"install `{error.name}` beside keepline, or do without the import"
            tree.mistakes.append(tree.mistake_at(at, dotted(where), wrong, right))
        return
    found = getattr(module, reference.function, None)
    if found is None:
        known = [name for name, value in vars(module).items() if is_flow(value)]
        known = known or [name for name, value in vars(module).items() if inspect.iscoroutinefunction(value)]
        wrong = f"there is no `{reference.function}` in {reference.module}"
        tree.add_mistake(where, wrong, nearest(reference.function, known))
    elif not is_flow(found):
        right = f"write `@flow` and `async def {reference.function}(call: Call) -> None:`"
        tree.add_mistake(where, f"`{reference.module}:{reference.function}` is not a flow", right)
    elif takes_run(found):
        _check_is_not_called(tree, where[-1])
    else:
        check_is_not_deferred(tree, where[-1])


def _check_is_not_called(tree: Tree, flow: object) -> None:
    """A flow for runs answers no number, is nobody's fallback, and calls nobody back."""
    right = "name a flow that takes a `Call`; this one is started by `start`, or by `keepline flow start`"
    for number, entry in section(tree, "numbers").items():
        if isinstance(entry, dict) and entry.get("flow") == flow:
            tree.add_mistake(("numbers", number, "flow"), f"the flow `{flow}` has no caller: it takes a `Run`", right)
    for name, entry in section(tree, "flows").items():
        if isinstance(entry, dict) and entry.get("fallback") == flow:
            tree.add_mistake(("flows", name, "fallback"), f"the flow `{flow}` has no caller: it takes a `Run`", right)
    if section(tree, "callbacks").get("flow") == flow:
        tree.add_mistake(("callbacks", "flow"), f"the flow `{flow}` has no caller: it takes a `Run`", right)


def _place_of(error: BaseException, tree: Tree, where: Where, directory: Path) -> tuple[Position, str]:
    """The line of the operation's own code that an import failed at, else the flow's line in the file."""
    wrong = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    resolved = directory.resolve()
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(directory):
        shown = _shown_path(tree, directory, Path(error.filename))
        return Position(error.lineno or 1, error.offset or 1, shown), f"{type(error).__name__}: {error.msg}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(directory) or path.is_relative_to(resolved):
            return Position(frame.lineno or 1, (frame.colno or 0) + 1, _shown_path(tree, directory, path)), wrong
    return tree.position(where), wrong


def _shown_path(tree: Tree, directory: Path, path: Path) -> str:
    """A module's path in the style in which the person named the operation file."""
    return str(Path(tree.file).parent / path.relative_to(directory))
