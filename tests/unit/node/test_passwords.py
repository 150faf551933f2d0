"""Passwords of trunks are read from where the operation says, and the key of nonces is one for all processes."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from keepline.model.capability import SecretRef
from keepline.model.operation import Operation, Trunk, TrunkOutbound, TrunkUser
from keepline.node.passwords import KEY_BYTES, nonce_key, read_passwords
from tests.spec.exchange_rig import OPERATION


def operation(*places: SecretRef) -> Operation:
    users = tuple(TrunkUser(f"u{index}", place) for index, place in enumerate(places[1:]))
    return replace(OPERATION, trunks=(Trunk("t", (), outbound=TrunkOutbound("h", password=places[0]), users=users),))


def test_passwords_are_read_from_the_environment_and_from_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARRIER", "secret one")
    (tmp_path / "alice").write_text("secret two\n", encoding="utf-8")
    places = SecretRef("env", "CARRIER"), SecretRef("file", str(tmp_path / "alice"))
    assert read_passwords(operation(*places)) == dict(zip(places, ("secret one", "secret two"), strict=True))


def test_a_password_that_is_not_there_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMPTY", "")
    places = SecretRef("env", "NO_SUCH"), SecretRef("file", str(tmp_path / "none")), SecretRef("env", "EMPTY")
    with capture_logs() as logs:
        assert read_passwords(operation(*places)) == {}
    assert [(each["event"], each["setting"], each["what"]) for each in logs] == [
        ("password_missing", "trunks.t.users.u0", f"{tmp_path / 'none'} cannot be read: FileNotFoundError"),
        ("password_missing", "trunks.t.users.u1", "EMPTY is empty"),
        ("password_missing", "trunks.t.outbound", "the environment has no NO_SUCH"),
    ]


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "nonce.key"
    key = nonce_key(path)
    assert len(key) == KEY_BYTES
    assert nonce_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["nonce.key"]


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"short"), lambda path: path.mkdir()])
def test_a_key_that_cannot_be_had_costs_only_a_question(tmp_path: Path, make: object) -> None:
    path = tmp_path / "nonce.key"
    make(path)  # type: ignore[operator]
    with capture_logs() as logs:
        assert len(nonce_key(path)) == KEY_BYTES
    assert [each["event"] for each in logs] == ["nonce_key_failed"]
