"""A new key, for who asks for one."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from .signing import Signer, need_cryptography

if TYPE_CHECKING:
    from pathlib import Path

    from .signing import Algorithm

__all__ = ["keygen"]


def keygen(path: Path, *, algorithm: Algorithm = "Ed25519") -> Signer:
    """
    Make a key: *path* for who signs, mode 0600, and for Ed25519 the same name with `.pub` added for who verifies.

    Raises:
        FileExistsError: one of the two is there; a key is never overwritten.
        OSError: a file cannot be made.
        ValueError: what it needs is not installed.
    """
    public_path = path.with_name(f"{path.name}.pub")
    if algorithm == "HMAC-SHA256":
        secret = secrets.token_bytes(32)
        _make(path, secret.hex().encode() + b"\n", 0o600)
        return Signer(secret)
    need_cryptography()
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    if public_path.exists():
        raise FileExistsError(f"{public_path} is there already")
    key = Ed25519PrivateKey.generate()
    _make(path, key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()), 0o600)
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _make(public_path, public, 0o644)
    return Signer(key)


def _make(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)
        file.flush()
        os.fsync(fd)
