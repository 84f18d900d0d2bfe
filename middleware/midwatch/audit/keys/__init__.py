"""
Keys that checkpoints are signed with.

| text of a key | algorithm |
| --- | --- |
| `-----BEGIN PRIVATE KEY-----` or `PUBLIC KEY` (PEM: RFC 5958, RFC 8410) | Ed25519 |
| `ed25519:` and 64 hexadecimal digits (RFC 8032, a public key) | Ed25519 |
| 64 hexadecimal digits or more: a shared secret | HMAC-SHA256 |

Whoever can check an HMAC can also forge it: an auditor is better handed the public half of an Ed25519 key, which needs
`midwatch[audit]`. A key is never made unless somebody asks for it by `keygen`.
"""

from .loading import load_secret, load_signer, load_verifier
from .making import keygen
from .signing import Algorithm, Signer, Verifier

__all__ = ["Algorithm", "Signer", "Verifier", "keygen", "load_secret", "load_signer", "load_verifier"]
