"""Loading an operation: file and overrides in, frozen dataclasses or every mistake at once out."""

import hashlib
import os.path
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from keepline.config import checks
from keepline.config.callback_checks import check_callbacks
from keepline.config.callbacks import callback_settings_of
from keepline.config.capabilities import capabilities_of
from keepline.config.capability_checks import check_capabilities
from keepline.config.class_checks import check_classes
from keepline.config.dependencies import dependencies_of
from keepline.config.dependency_checks import check_dependencies
from keepline.config.desk import desk_settings_of
from keepline.config.failover import failover_of
from keepline.config.failover_checks import check_failover
from keepline.config.incident_checks import check_incidents
from keepline.config.incidents import incident_settings_of
from keepline.config.message_checks import check_messages
from keepline.config.messages import contacts_of, message_settings_of, own_outlets, status_page_of
from keepline.config.money import check_money, money_settings_of
from keepline.config.outbound import outbound_policy_of
from keepline.config.playbook_checks import check_playbooks, read_playbooks
from keepline.config.preflight import check_preflight, preflight_of
from keepline.config.schema import OperationFile, PromptFile, SipFile
from keepline.config.store import (
    STORED_FILE,
    Needed,
    TooBigError,
    copy_files,
    digest_of,
    operation_files,
    prune,
    read_overrides,
    stored_directory,
)
from keepline.config.stored import keep_values, moved
from keepline.config.tree import Plain, Position, Tree, dotted, read_tree, read_value
from keepline.config.trunk_checks import check_outbound, check_trunks
from keepline.config.trunks import trunks_of
from keepline.config.witnesses import check_witnesses, journal_settings_of
from keepline.config.words import add_validation_mistakes
from keepline.model.capability import CapabilityAction
from keepline.model.errors import Mistake, OperationError
from keepline.model.limits import MISTAKES_MAX, OPERATION_FILE_BYTES_MAX
from keepline.model.operation import (
    PROMPT_KEY_BYTES,
    MediaSettings,
    NodeSettings,
    Number,
    Operation,
    Prompt,
    SipSettings,
)
from keepline.model.playbook import Playbook, playbook_files

DEFAULT_FILE = "keepline.yaml"
OVERRIDE = "--set"
"""Stands for the file in mistakes of overrides; the line is the override's place among them."""


def embedded_operation_path() -> Path:
    """The operation that runs where nobody wrote one: `examples/bench`, from the wheel or from a checkout."""
    package = Path(__file__).resolve().parents[1]
    for directory in (package / "examples" / "bench", package.parents[1] / "examples" / "bench"):
        if (directory / DEFAULT_FILE).is_file():
            return directory / DEFAULT_FILE
    raise FileNotFoundError("this installation lacks its embedded operation; install keepline again")


def find_operation(file: Path | None, directory: Path = Path()) -> Path:
    """The file a person means: the one named, or in the directory named; else ./keepline.yaml, else the embedded."""
    if file is None:
        here = directory / DEFAULT_FILE
        return here if here.is_file() else embedded_operation_path()
    return file / DEFAULT_FILE if file.is_dir() else file


def load_operation(path: Path, overrides: Sequence[str] = (), *, lint: bool = False) -> Operation:
    """Read, check and digest an operation; `overrides` are `a.b.c=value`, and `lint` reads the flows' code too.

    `path` is a file, or a directory with a keepline.yaml. Raises OperationError with every mistake in the order of the
    file; nothing else for anything that the files may hold.
    """
    return _load(find_operation(path), overrides, digest=None, lint=lint)


def store_operation(operation: Operation, data_dir: Path, needed: Needed | None = None) -> Path:
    """Copy a loaded operation to DATA/operation/DIGEST/, whole or not at all, and return that directory.

    With `needed`, older copies go: those of the digests it is asked about that it does not return. Raises OSError as
    the disk does, and LocalError when the files have changed since.
    """
    beside = {*_recordings_of(operation), *playbook_files(operation.playbooks)}
    files = operation_files(Path(operation.file), beside)
    directory = copy_files(files, operation.overrides, operation, data_dir)
    keep_values(directory, moved(operation, directory.absolute()))
    if needed is not None:
        prune(data_dir, operation.digest, needed)
    return directory


def lint_operation(operation: Operation) -> list[Mistake]:
    """What the lint says of a loaded operation's flows; a node runs them all the same."""
    actions: Plain = {
        name: {"paths": [{"http": {"actions": _templates_of(path.actions)}} for path in capability.paths]}
        for name, capability in operation.capabilities.items()
    }
    tree = Tree(operation.file, plain={"prompts": dict.fromkeys(operation.prompts), "capabilities": actions})
    checks.check_code(tree, Path(operation.directory))
    return _in_order(tree)


def _templates_of(actions: Mapping[str, CapabilityAction]) -> dict[str, Plain]:
    """What of the actions says which arguments they want, as it stands in a file."""
    return {
        name: {"path": each.path, "query": dict(each.query or {}), "body": dict(each.body or {})}
        for name, each in actions.items()
        if "." not in name  # what flows may ask
    }


def read_stored(data_dir: Path, digest: str) -> Operation:
    """The operation stored under `digest`, from its file; `keepline.config.load_stored` is quicker."""
    directory = stored_directory(data_dir, digest)
    try:
        overrides = read_overrides(directory)
    except (OSError, ValueError) as error:
        mistake = Mistake(
            str(directory), 1, 1, "operation", f"the stored copy is damaged: {error}", "start the node anew"
        )
        raise OperationError([mistake]) from error
    return _load(directory / STORED_FILE, overrides, digest=digest)


def _load(file: Path, overrides: Sequence[str], digest: str | None, *, lint: bool = False) -> Operation:
    """With a digest, the file is a stored copy: it was checked before it was stored."""
    tree = read_tree(_read(file), str(file))
    if not tree.plain and tree.mistakes:
        raise OperationError(tree.mistakes)
    _apply_overrides(tree, overrides)
    directory = file.absolute().parent
    _spell_out_flows(tree)
    parsed = _validate(tree)
    checks.check_numbers(tree)
    check_failover(tree)
    check_preflight(tree)
    check_incidents(tree)
    check_money(tree)
    check_trunks(tree)
    check_outbound(tree)
    check_callbacks(tree)
    checks.check_ports(tree)
    checks.check_addresses(tree)
    checks.check_prompts(tree, directory)
    checks.check_fallbacks(tree)
    checks.check_apology(tree)
    check_capabilities(tree)
    check_messages(tree)
    check_witnesses(tree)
    check_dependencies(tree)
    playbooks = read_playbooks(tree, directory)
    check_playbooks(tree, playbooks)
    if digest is None:
        checks.check_flows(tree, directory)
        check_classes(tree, directory)
    if lint:
        checks.check_code(tree, directory)
    if tree.mistakes or parsed is None:
        raise OperationError(_in_order(tree))
    return _operation(parsed, tree, file.absolute(), overrides, digest, playbooks)


def _read(file: Path) -> bytes:
    """The file's bytes, one more than are allowed at most."""
    wrong, right = "", "name a readable file"
    try:
        if file.is_dir():
            wrong, right = "is a directory", "name the operation file itself"
        elif file.exists() and not file.is_file():
            wrong, right = "is not an ordinary file", "write the operation to a file and name that"
        else:
            with file.open("rb") as opened:
                return opened.read(OPERATION_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        wrong = "there is no such file"
        right = "name an operation file or its directory; `keepline init DIR` begins a new one"
    except (OSError, ValueError) as error:
        wrong = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise OperationError([Mistake(str(file), 1, 1, "operation file", wrong, right)])


def _validate(tree: Tree) -> OperationFile | None:
    try:
        return OperationFile.model_validate(tree.plain)
    except ValidationError as error:
        add_validation_mistakes(tree, error)
        return None


def _spell_out_flows(tree: Tree) -> None:
    """`NAME: MODULE:FUNCTION` is `NAME: {run: MODULE:FUNCTION}`; a mistake in it stands where the text does."""
    for name, value in checks.section(tree, "flows").items():
        if isinstance(value, str):
            checks.section(tree, "flows")[name] = {"run": value}
            tree.short_for["flows", name, "run"] = ("flows", name)
            position = tree.position(("flows", name))
            tree.keys["flows", name, "run"] = tree.values["flows", name, "run"] = position


def _apply_overrides(tree: Tree, overrides: Sequence[str]) -> None:
    for line, override in enumerate(overrides, start=1):
        path, equals, text = override.partition("=")
        at = Position(line, 1, OVERRIDE)
        keys = path.split(".")
        if not equals or not all(keys):
            right = "write a.b.c=value, for example sip.listen=127.0.0.1:5062"
            tree.mistakes.append(tree.mistake_at(at, path or "override", "is not a setting with a value", right))
            continue
        try:
            value = read_value(text)
        except ValueError as error:
            tree.mistakes.append(tree.mistake_at(at, path, str(error), "quote the value"))
            continue
        _put(tree, keys, value, at, Position(line, len(path) + 2, OVERRIDE))


def _put(tree: Tree, keys: list[str], value: Plain, key_at: Position, value_at: Position) -> None:
    place: dict[str, Plain] | list[Plain] = tree.plain
    where: list[str | int] = []
    for depth, key in enumerate(keys):
        if isinstance(place, dict):
            where.append(key)
        elif key.isdecimal() and int(key) < len(place):
            where.append(int(key))
        else:
            wrong = f"`{'.'.join(keys[:depth])}` is a list of {len(place)}, and has no `{key}`"
            right = f"name one by its place, from 0 to {len(place) - 1}" if place else "set the list itself"
            tree.mistakes.append(tree.mistake_at(key_at, ".".join(keys), wrong, right))
            return
        if depth == len(keys) - 1:
            break
        tree.keys.setdefault(tuple(where), key_at)
        below = place.setdefault(key, {}) if isinstance(place, dict) else place[int(key)]
        if not isinstance(below, dict | list):
            right = f"set `{'.'.join(keys[: depth + 1])}` itself"
            tree.mistakes.append(tree.mistake_at(key_at, ".".join(keys), f"`{key}` is not a mapping", right))
            return
        place = below
    if isinstance(place, dict):
        place[keys[-1]] = value
    else:
        place[int(keys[-1])] = value
    for positions in (tree.keys, tree.values):
        for old in [each for each in positions if each[: len(where)] == tuple(where)]:
            del positions[old]
    tree.keys[tuple(where)], tree.values[tuple(where)] = key_at, value_at


def _in_order(tree: Tree) -> list[Mistake]:
    """The file's mistakes from its top to its end, then those of other files; no more than a person can use."""
    found = sorted(set(tree.mistakes), key=lambda each: (each.file != tree.file, each))
    if len(found) > MISTAKES_MAX:
        rest = len(found) - MISTAKES_MAX
        found = found[:MISTAKES_MAX]
        found.append(Mistake(tree.file, 1, 1, dotted(()), f"{rest} more mistakes", "mend these first"))
    return found


def _operation(
    parsed: OperationFile,
    tree: Tree,
    file: Path,
    overrides: Sequence[str],
    digest: str | None,
    playbooks: Mapping[str, Playbook],
) -> Operation:
    recordings = {os.path.normpath(each.file) for each in parsed.prompts.values() if each.file}
    try:
        found = digest_of(operation_files(file, recordings | playbook_files(playbooks)), overrides)
    except (TooBigError, OSError) as error:
        tree.add_mistake((), str(error), "keep other files in other directories")
        raise OperationError(tree.mistakes) from error
    if digest is not None and found != digest:
        tree.add_mistake((), "the stored copy has been changed", "start the node from the original")
        raise OperationError(tree.mistakes)
    first, last = parsed.media.rtp_ports
    messages, page = message_settings_of(parsed.messages), status_page_of(parsed.status_page, parsed.language)
    return Operation(
        name=parsed.operation,
        directory=str(file.parent),
        file=str(file),
        overrides=tuple(overrides),
        digest=found,
        sip=_sip(parsed.sip),
        media=MediaSettings(first, last, parsed.media.dead_air_s, parsed.media.advertised or ""),
        http=parsed.http.listen,
        desk=desk_settings_of(parsed.desk),
        node=NodeSettings(parsed.node.drain_limit_s),
        trunks=trunks_of(parsed.trunks),
        outbound=outbound_policy_of(parsed.outbound),
        callbacks=callback_settings_of(parsed.callbacks),
        numbers={
            number: Number(
                entry.flow, entry.ring_s, entry.language or "", entry.carrier or "", failover_of(entry.failover)
            )
            for number, entry in parsed.numbers.items()
        },
        flows={name: replace(each.run, fallback=each.fallback) for name, each in parsed.flows.items()},
        prompts={name: _prompt(each, file.parent, parsed.language) for name, each in parsed.prompts.items()},
        language=parsed.language,
        apology=_apology(parsed, file.parent),
        capabilities=capabilities_of(parsed.capabilities) | own_outlets(messages, page),
        messages=messages,
        contacts=contacts_of(parsed.contacts, parsed.language),
        status_page=page,
        journal=journal_settings_of(parsed.journal),
        dependencies=dependencies_of(parsed.dependencies),
        preflight=preflight_of(parsed.preflight),
        incidents=incident_settings_of(parsed.incidents),
        money=money_settings_of(parsed.money),
        playbooks=playbooks,
    )


def _sip(parsed: SipFile) -> SipSettings:
    return SipSettings(
        parsed.listen,
        parsed.calls_max,
        parsed.strangers,
        parsed.advertised,
        tuple(parsed.transports),
        tuple(parsed.dns),
        tuple(parsed.challenges),
    )


def _apology(parsed: OperationFile, directory: Path) -> Prompt | None:
    apology = parsed.apology
    if apology is None:
        return None
    if apology.prompt:
        return _prompt(parsed.prompts[apology.prompt], directory, parsed.language)
    return Prompt(text=apology.text, language=apology.language or parsed.language)


def _prompt(parsed: PromptFile, directory: Path, language: str) -> Prompt:
    digest, path = "", ""
    if parsed.file:
        path = str(directory / os.path.normpath(parsed.file))
        digest = hashlib.blake2b(Path(path).read_bytes(), digest_size=PROMPT_KEY_BYTES).hexdigest()
    return Prompt(parsed.text, path, digest, parsed.language or language, parsed.length_s)


def _recordings_of(operation: Operation) -> list[str]:
    directory = Path(operation.directory)
    paths = (Path(prompt.file) for prompt in operation.prompts.values() if prompt.file)
    return sorted({path.relative_to(directory).as_posix() for path in paths})
