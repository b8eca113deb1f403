"""Secrets at rest: AES-256-GCM, with the row's id as associated data, so that none can move to another row.

Layout of a sealed secret: 8 bytes key id, 12 bytes nonce, ciphertext with its tag. The first key seals, every
key opens; to rotate, put a new key in front and keep the old one. This module must never log, print or keep a
plaintext.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_ID_BYTES = 8
_NONCE_BYTES = 12


class SecretError(Exception):
    """A secret cannot be opened, or a key is no key. The message holds neither."""


class Secrets:
    """Seals and opens with the given keys, of 32 bytes each, newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise SecretError("There is no key for secrets.")
        if any(len(key) != _KEY_BYTES for key in keys):
            raise SecretError(f"A key for secrets must be {_KEY_BYTES} bytes, base64-encoded.")
        self._newest = _key_id(keys[0])
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}

    @classmethod
    def from_text(cls, text: str) -> "Secrets":
        """Keys as base64, separated by commas or white space, newest first. Raises SecretError."""
        try:
            return cls([base64.b64decode(part, validate=True) for part in text.replace(",", " ").split()])
        except binascii.Error:
            raise SecretError("A key for secrets is not valid base64.") from None

    @classmethod
    def from_file(cls, path: Path) -> "Secrets":
        """Keys from a file that only its owner may read; made with a new key if there is none.

        Raises SecretError.
        """
        _create(path)
        if path.stat().st_mode & 0o077:
            raise SecretError(f"{path} can be read by others; run chmod 600 on it.")
        return cls.from_text(path.read_text(encoding="ascii"))

    def seal(self, plaintext: str, *, row_id: str) -> bytes:
        """The plaintext, encrypted for that row only."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._newest]
        return self._newest + nonce + cipher.encrypt(nonce, plaintext.encode(), row_id.encode())

    def open(self, sealed: bytes, *, row_id: str) -> str:
        """The plaintext of what was sealed for that row. Raises SecretError."""
        cipher = self._ciphers.get(sealed[:_ID_BYTES])
        if cipher is None:
            raise SecretError("A secret was sealed with a key that is not configured (TIELINE_SECRET_KEY).")
        nonce = sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_ID_BYTES + _NONCE_BYTES :], row_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretError("A secret was damaged or belongs to another row.") from None

    def needs_resealing(self, sealed: bytes) -> bool:
        """True if it was sealed with an older key."""
        return sealed[:_ID_BYTES] != self._newest


def new_key() -> str:
    """A fresh key as text."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _key_id(key: bytes) -> bytes:
    return sha256(b"tieline key id\0" + key).digest()[:_ID_BYTES]


def _create(path: Path) -> None:
    """Makes the file unless it is there.

    Written elsewhere first and linked, so that nobody reads half a key.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # Another process was first; its key is the one.
    finally:
        draft.unlink()
