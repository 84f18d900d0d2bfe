"""Keys that were made before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .reading import EXPECTED, is_private, is_secret, shown, text_of
from .signing import Signer, Verifier, need_cryptography

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["load_secret", "load_signer", "load_verifier"]

SHORTEST: Final = 16
"""Bytes of a secret that is no key."""

_is_raw: Final = re.compile("ed25519:([0-9a-fA-F]{64})").fullmatch


def load_signer(spec: str) -> Signer:
    """
    The key that *spec* names: the path of a file, or `env:NAME`.

    Raises:
        ValueError: there is none, it cannot sign, others may read the file, or what it needs is not installed. Says
            nothing of what is in it.
    """
    text = text_of(spec)
    if is_secret(text):
        return Signer(bytes.fromhex(text))
    if not is_private(text):
        raise ValueError(f"{shown(spec)}: no key that signs; {EXPECTED}")
    return Signer(_private(spec, text))


def load_verifier(spec: str) -> Verifier:
    """
    What checks signatures of the key that *spec* names: the private or the public half, or a shared secret.

    Raises:
        ValueError: as `load_signer`.
    """
    text = text_of(spec)
    if is_secret(text):
        return Verifier(bytes.fromhex(text))
    if is_private(text):
        return Verifier(_private(spec, text).public_key())
    return Verifier(_public(spec, text))


def load_secret(spec: str) -> bytes:
    """
    The secret that *spec* names, the text itself: for what is hashed so that nobody else can.

    Raises:
        ValueError: there is none, it is shorter than 16 bytes, or others may read the file. Says nothing of it.
    """
    secret = text_of(spec, private=True).encode()
    if len(secret) < SHORTEST:
        raise ValueError(f"{shown(spec)}: a secret needs at least {SHORTEST} bytes")
    return secret


def _private(spec: str, text: str) -> Ed25519PrivateKey:
    need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{shown(spec)}: not an Ed25519 key without a password; {EXPECTED}")  # noqa: TRY004 - its text
    return key


def _public(spec: str, text: str) -> Ed25519PublicKey:
    need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if raw := _is_raw(text):
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw[1]))
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{shown(spec)}: no key; {EXPECTED}")  # noqa: TRY004 - its text
    return key
