"""Secrets at rest can be read by whoever has the key, for the row that they were sealed for."""

import threading
from pathlib import Path

import pytest

from tieline.store.secrets import SecretError, Secrets, new_key


def test_a_sealed_secret_opens_for_its_own_row_only() -> None:
    secrets = Secrets.from_text(new_key())
    sealed = secrets.seal("s3cret \N{SNOWMAN}", row_id="app:org_1:app_1")
    assert secrets.open(sealed, row_id="app:org_1:app_1") == "s3cret \N{SNOWMAN}"
    with pytest.raises(SecretError, match="another row"):
        secrets.open(sealed, row_id="app:org_2:app_1")


def test_two_seals_of_one_secret_differ() -> None:
    secrets = Secrets.from_text(new_key())
    assert secrets.seal("x", row_id="r") != secrets.seal("x", row_id="r")


def test_every_changed_byte_is_noticed() -> None:
    secrets = Secrets.from_text(new_key())
    sealed = secrets.seal("s3cret", row_id="r")
    for place in range(len(sealed)):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(SecretError):
            secrets.open(bytes(broken), row_id="r")
    with pytest.raises(SecretError):
        secrets.open(b"", row_id="r")


def test_a_rotated_key_still_opens_what_the_old_one_sealed() -> None:
    old, new = new_key(), new_key()
    sealed = Secrets.from_text(old).seal("s3cret", row_id="r")
    both = Secrets.from_text(f"{new}, {old}")
    assert both.open(sealed, row_id="r") == "s3cret"
    assert both.needs_resealing(sealed)
    resealed = both.seal("s3cret", row_id="r")
    assert not both.needs_resealing(resealed)
    assert Secrets.from_text(new).open(resealed, row_id="r") == "s3cret"
    with pytest.raises(SecretError, match="not configured"):
        Secrets.from_text(new).open(sealed, row_id="r")


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!"])
def test_a_key_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        Secrets.from_text(text)
    assert not text or text not in str(caught.value)


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret.key"
    sealed: list[bytes] = []
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        sealed.append(Secrets.from_file(path).seal("x", row_id="r"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [Secrets.from_file(path).open(one, row_id="r") for one in sealed] == ["x"] * 8
    assert list(path.parent.iterdir()) == [path]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text(new_key())
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        Secrets.from_file(path)
