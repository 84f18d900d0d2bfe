"""What signs, and what checks signatures."""

from __future__ import annotations

import hmac
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeAlias, final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Algorithm", "Signer", "Verifier", "need_cryptography"]

Algorithm: TypeAlias = Literal["Ed25519", "HMAC-SHA256"]


@final
class Signer:
    """
    Signs.

    Args:
        key: A private key, or a shared secret.

    Attributes:
        key_id: 16 hexadecimal digits that name the key, and tell nothing of it.
        public: Raw 32 bytes of the public key; None where there is only a secret.
    """

    def __init__(self, key: Ed25519PrivateKey | bytes) -> None:
        self._key = key
        self.algorithm: Algorithm
        self.public: bytes | None
        if isinstance(key, bytes):
            self.algorithm, self.public, self.key_id = "HMAC-SHA256", None, _id_of_secret(key)
        else:
            self.algorithm, self.public = "Ed25519", key.public_key().public_bytes_raw()
            self.key_id = _id_of_public(self.public)

    def sign(self, data: bytes) -> bytes:
        """The signature of *data*: 64 bytes, or the 32 of an HMAC."""
        if isinstance(self._key, bytes):
            return hmac.digest(self._key, data, "sha256")
        return self._key.sign(data)

    def verifier(self) -> Verifier:
        """What checks its signatures."""
        return Verifier(self._key if isinstance(self._key, bytes) else self._key.public_key())


@final
class Verifier:
    """
    Checks signatures.

    Args:
        key: A public key, or a shared secret.

    Attributes:
        key_id: As that of the `Signer`.
    """

    def __init__(self, key: Ed25519PublicKey | bytes) -> None:
        self._key = key
        self.algorithm: Algorithm = "HMAC-SHA256" if isinstance(key, bytes) else "Ed25519"
        self.key_id = _id_of_secret(key) if isinstance(key, bytes) else _id_of_public(key.public_bytes_raw())

    def check(self, data: bytes, signature: bytes) -> bool:
        """Whether *signature* was made of *data* with this key."""
        if isinstance(self._key, bytes):
            return hmac.compare_digest(hmac.digest(self._key, data, "sha256"), signature)
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only where there is such a key

        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def need_cryptography() -> None:
    """
    See that it is installed.

    Raises:
        ValueError: it is not; says what to do.
    """
    if find_spec("cryptography") is None:
        raise ValueError("an Ed25519 key needs cryptography: pip install 'midwatch[audit]'")


def _id_of_public(raw: bytes) -> str:
    return sha256(b"ed25519:" + raw).hexdigest()[:16]


def _id_of_secret(secret: bytes) -> str:
    return hmac.digest(secret, b"midwatch key id", "sha256").hex()[:16]
