"""
Credentials that are known by their form, in any text, whatever it calls them.

Each pattern is linear in the length of the text, and asked only where something that it needs is there.
"""

from __future__ import annotations

import re
from typing import Final

from .cards import mask_cards
from .mask import MASK

__all__ = ["mask_credentials"]

_key: Final = re.compile(
    r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
    r".*?(?:-{4,5} ?END [A-Z0-9 ]{0,60}-{4,5}|\Z)",
    re.DOTALL,
)

# A JSON web token, whole, or as far as it was cut (RFC 7519); "eyJ" is '{"' in base64.
_web_token: Final = re.compile(r"eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}")

# "Bearer authentication" is prose: a credential has a digit, a capital or padding after its first letter.
_scheme: Final = re.compile(
    r"([Bb](?:[Ee][Aa][Rr][Ee][Rr]|[Aa][Ss][Ii][Cc]))\s{1,4}(?=[\w.~+/-]+[A-Z0-9=])[\w.~+/-]{8,}+={0,2}"
)

# The authority of a URL ends at "/", "?" or "#" (RFC 3986 section 3.2), but people write passwords as they are.
_user: Final = re.compile(r"://(?:[^\s/?#]*@|[^\s/?#:@\['\"]*:(?![0-9]{1,5}[/?#])[^\s:@'\",<>]{1,256}@)")

# No host is longer than 255 characters: what is, has user information, and its "@" was cut off.
_cut_user: Final = re.compile(r"://[^\s/?#]{256,}+\Z")

# As their issuers document them, for scanners of sources. Each begins with a letter that is given, not one of a set:
# that lets the search skip what begins otherwise.
_issued: Final = re.compile(
    r"AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}"  # Amazon
    r"|gh[oprsu]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+|glpat-[\w-]{16,}+"  # GitHub, GitLab
    r"|xox[abceoprs]-[\w-]{8,}+|xapp-[\w-]{8,}+"  # Slack
    r"|sk_(?:live|test)_\w{8,}+|rk_(?:live|test)_\w{8,}+|whsec_\w{8,}+"  # Stripe
    r"|AIza[\w-]{30,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+"  # Google, SendGrid
    r"|sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9][\w-]{18,}+"  # OpenAI, Anthropic
    r"|npm_[A-Za-z0-9]{30,}+|pypi-[\w-]{30,}+|hf_[A-Za-z0-9]{30,}+|shp(?:at|ca|pa|ss)_[A-Za-z0-9]{16,}+"
    r"|dop_v1_[a-f0-9]{32,}+"
)


def mask_credentials(text: str) -> str:
    """*text* without them."""
    if "PRIVATE KEY" in text:
        text = _key.sub(MASK, text)
    if "eyJ" in text:
        text = _web_token.sub(MASK, text)
    if "://" in text:
        if "@" in text:
            text = _user.sub(f"://{MASK}@", text)
        if len(text) > 256:
            text = _cut_user.sub(f"://{MASK}", text)
    low = text.lower()
    if "bearer" in low or "basic" in low:
        text = _scheme.sub(rf"\1 {MASK}", text)
    if "_" in text or "-" in text or "AKIA" in text or "ASIA" in text or "AIza" in text or "SG." in text:
        text = _issued.sub(MASK, text)
    return mask_cards(text)
