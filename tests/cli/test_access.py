"""Tokens, operators' accounts and the audit from the command line, where no service runs."""

from __future__ import annotations

import base64
import re
import stat
from collections.abc import Sequence

import pytest

from callrouter.access.tokens import MAX_DAYS, MAX_NAME
from callrouter.storage.revisions import wanted_revision
from tests.cli.site import Site


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["x", "--role", "viewer", "--days", "0"], f"days is 1 to {MAX_DAYS}"),
        (["x", "--role", "viewer", "--days", "731"], f"days is 1 to {MAX_DAYS}"),
        (["x", "--role", "operator"], "a subject (key of an operator or agency) is named for the roles"),
        (["x", "--role", "admin", "--subject", "op1"], "a subject (key of an operator or agency) is named for"),
        (["x", "--role", "operator", "--subject", "nobody"], "There is no such thing: operators/nobody"),
        (["x", "--role", "agency", "--subject", "op1"], "There is no such thing: agencies/op1"),
        (["a\nb", "--role", "viewer"], "control characters and line breaks"),
        ([" ", "--role", "viewer"], "a name must not be blank"),
        (["x" * (MAX_NAME + 1), "--role", "viewer"], f"a name has {MAX_NAME} characters at most"),
    ],
)
def test_token_that_cannot_be_is_told_and_nothing_is_kept(ready: Site, words: Sequence[str], says: str) -> None:
    before = ready.sql("SELECT count(*) FROM token", "SELECT max(seq) FROM audit")
    ready.run("tokens", "create", *words).refused(says)
    assert ready.sql("SELECT count(*) FROM token", "SELECT max(seq) FROM audit") == before
    assert ready.sql("SELECT count(*) FROM token") == [(0,)]


def test_bad_token_is_told_in_indonesian_too(ready: Site) -> None:
    done = ready.run("tokens", "create", "x", "--role", "viewer", "--days", "0", LANGUAGE="id")
    done.refused("Token tidak dibuat: days adalah 1 sampai 730.", "Perbaiki perintahnya.")


def test_token_is_shown_once_and_kept_as_a_hash(ready: Site) -> None:
    done = ready.run("tokens", "create", "op1", "--role", "operator", "--subject", "op1", "--days", "3")
    text = done.out.strip()
    assert (done.code, bool(re.fullmatch(r"cr_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", text))) == (0, True), done
    assert "It is not shown again." in done.err
    shown = ready.run("tokens", "list")
    assert re.fullmatch(rf"{text[3:11]}  op1 \(operator: op1\) +until [-0-9: ]+ UTC\n", shown.out), shown
    secret = text[12:].encode()
    kept = [path for path in ready.state.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert kept == []
    assert ready.run("tokens", "revoke", text[3:11]).code == 0
    assert "revoked" in ready.run("tokens", "list").out


def test_new_secret_of_an_operator_is_shown_once_and_kept_as_digests(ready: Site) -> None:
    before = ready.sql("SELECT sha256 FROM operator_secret WHERE operator = 'op1'")
    done = ready.run("operators", "secret", "op1")
    secret = done.out.strip()
    assert (done.code, len(secret)) == (0, 24), done
    after = ready.sql("SELECT sha256 FROM operator_secret WHERE operator = 'op1'")
    assert (len(after), after != before) == (1, True)
    assert [p for p in ready.state.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()] == []
    # The PBX that starts later lets in who has the new one.
    assert ready.run("pbx", "render").code == 0
    pjsip = ready.state / "asterisk" / "etc" / "pjsip.conf"
    assert f"SHA-256:{after[0][0]}" in pjsip.read_text()
    assert stat.S_IMODE(pjsip.stat().st_mode) == 0o600


def test_secret_for_nobody_is_refused(ready: Site) -> None:
    before = ready.everything()
    ready.run("operators", "secret", "nobody").refused("There is no such thing: operators/nobody")
    assert ready.everything() == before


@pytest.mark.parametrize("command", ["tokens list", "tokens create x --role viewer", "operators secret op1"])
def test_database_that_is_not_there_is_not_made_by_access_either(empty: Site, command: str) -> None:
    remedy = empty.run(*command.split()).refused(str(empty.database), "revision: none", wanted_revision())
    assert remedy == "Run: callrouter migrate."
    assert not empty.database.exists()


def test_audit_of_a_prepared_site_is_whole_and_a_changed_row_is_named(ready: Site) -> None:
    whole = ready.run("audit", "verify")
    assert (whole.code, "is whole" in whole.out) == (0, True), whole
    ready.sql("UPDATE audit SET subject = 'operators/op2' WHERE seq = 2")
    found = ready.run("audit", "verify")
    assert (found.code, found.out) == (1, "changed: Row 2 was changed, or was signed with another key.\n"), found
    told = ready.run("audit", "verify", LANGUAGE="id")
    assert (told.code, "Baris 2 telah diubah" in told.out) == (1, True), told


@pytest.mark.parametrize("command", ["audit verify", "pbx render", "serve", "tokens create x --role viewer"])
def test_key_file_that_others_can_read_is_told_with_the_command_that_mends_it(ready: Site, command: str) -> None:
    key = ready.state / "secrets" / "key"
    key.chmod(0o640)
    assert ready.run(*command.split()).refused(str(key), "mode 640") == f"Run: chmod 600 {key}"


def test_audit_signed_with_another_key_is_told(ready: Site) -> None:
    key = ready.state / "secrets" / "key"
    key.write_bytes(base64.urlsafe_b64encode(b"x" * 32) + b"\n")
    found = ready.run("audit", "verify")
    assert (found.code, "changed: Row 1 was changed, or was signed with another key." in found.out) == (1, True)
