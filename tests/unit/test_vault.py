"""Secrets at rest: shown once, kept as digests or encrypted, with a key outside the database."""

from __future__ import annotations

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.bilingual import RefusedValue
from callrouter.errors import OperatorError
from callrouter.vault import Vault, digests, new_operator_secret

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)


def test_key_is_made_once_and_open_to_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "callrouter.key"
    first = Vault(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert Vault(file).decrypt(first.encrypt("geheim")) == "geheim"
    assert Vault(file).chain_key() == first.chain_key()


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    file = tmp_path / "callrouter.key"
    with ThreadPoolExecutor(8) as pool:
        keys = {vault.chain_key() for vault in pool.map(lambda _: Vault(file), range(16))}
    assert len(keys) == 1


@given(VISIBLE)
def test_password_comes_back_and_is_never_stored_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    vault = Vault(tmp_path_factory.getbasetemp() / "given.key")
    stored = vault.encrypt(password)
    assert vault.decrypt(stored) == password
    assert stored != vault.encrypt(password)
    assert len(password) < 6 or password not in stored


@pytest.mark.parametrize("password", ["", "a b", "a\nb", "a\tb", "é", "\x7f", "x" * 129, "\u2028"])
def test_password_that_no_line_of_the_pbx_carries_is_refused_unrepeated(tmp_path: Path, password: str) -> None:
    with pytest.raises(RefusedValue) as refused:
        Vault(tmp_path / "key").encrypt(password)
    assert not password or password not in refused.value.reason.en


@pytest.mark.parametrize("harm", ["another key", "changed", "nothing", "not ascii"])
def test_what_another_key_encrypted_is_told_in_both_languages(tmp_path: Path, harm: str) -> None:
    stored = Vault(tmp_path / "key").encrypt("geheim")
    told = {"another key": stored, "changed": stored[:-4] + "AAAA", "nothing": "", "not ascii": "é"}[harm]
    vault = Vault(tmp_path / ("other" if harm == "another key" else "key"))
    with pytest.raises(OperatorError) as caught:
        vault.decrypt(told)
    assert "CALLROUTER_KEY_FILE" in caught.value.message("id")
    assert "kata sandi" in caught.value.message("id").lower()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 44, b"A" * 44, b"AAAA" * 20])
def test_file_that_holds_no_key_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(OperatorError, match="holds no key"):
        Vault(file)
    assert file.read_bytes() == content


def test_key_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    Vault(file)
    file.chmod(0o640)
    with pytest.raises(OperatorError, match=f"chmod 600 {file}"):
        Vault(file)


def test_folder_instead_of_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir(mode=0o700)
    with pytest.raises(OperatorError, match=str(tmp_path / "key")):
        Vault(tmp_path / "key")


def test_key_of_the_audit_is_not_the_one_that_encrypts(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "key")
    assert len(vault.chain_key()) == 32
    assert vault.chain_key().hex() not in (tmp_path / "key").read_text()
    assert vault.chain_key() != Vault(tmp_path / "other").chain_key()


def test_secrets_of_operators_are_letters_and_digits_each_its_own() -> None:
    made = {new_operator_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(secret) == 24 and secret.isascii() and secret.isalnum() for secret in made)


def test_digests_are_those_that_a_telephone_computes() -> None:
    found = digests("op1", "geheim")
    assert found.md5 == hashlib.md5(b"op1:callrouter:geheim").hexdigest()  # noqa: S324
    assert found.sha256 == hashlib.sha256(b"op1:callrouter:geheim").hexdigest()
    assert digests("op2", "geheim") != found
