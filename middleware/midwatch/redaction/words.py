"""The words that make a name that of a secret."""

# ruff: noqa: SIM905 - as prose they can be read

from __future__ import annotations

from typing import Final

__all__ = ["ANYWHERE", "ENDINGS", "HARMLESS", "LAST", "QUERY", "ROOTS", "WHOLE"]

ANYWHERE: Final = frozenset(
    """
    password passwords passwd pwd passphrase passcode secret secrets token credential credentials
    authorization signature csrf xsrf jwt otp totp hotp bearer cvv cvc ssn
    apikey apikeys accesskey accesskeys secretkey privatekey privkey signingkey encryptionkey masterkey accountkey
    sharedkey sessionkey authkey sshkey subscriptionkey functionskey licensekey storagekey adminkey
    accesstokens refreshtokens authtokens apitokens sessiontokens
    sessionid sessid phpsessid jsessionid setcookie
    authcode authorizationcode devicecode verificationcode otpcode pincode securitycode recoverycode recoverycodes
    backupcode backupcodes codeverifier
    cardnumber creditcard samlresponse samlassertion passwordhash
    """.split()
)  # fmt: skip
"""A secret wherever in a name they are; several words in a row count as one."""

LAST: Final = frozenset("pass session auth cookie cookies sid sig pin assertion".split())
"""A secret where a name ends with them: `basic_auth`, but not `auth_method`."""

ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "sessionid",
)
"""A secret where a word ends with them, for names that do without separators: `dbpassword`."""

HARMLESS: Final = frozenset(
    """
    alg algorithm at count enabled endpoint expired expires expiration expiry in length limit method name policy
    required size status ttl type uri url usage valid version
    """.split()
)
"""What a name that ends with them says is about a secret: `token_count`, `password_policy`, `token_expires_in`."""

WHOLE: Final = frozenset({"tokens"})
"""A secret only as the whole name: `max_tokens` is none."""

QUERY: Final = frozenset({*WHOLE, "code", "key", "ticket"})
"""The same in a query: OAuth's and OpenID's answers, keys of APIs, tickets of CAS."""

ROOTS: Final = (
    "pass", "pwd", "secret", "token", "key", "auth", "cookie", "cred", "sess", "sid", "sig", "otp", "pin", "jwt",
    "csrf", "xsrf", "code", "bearer", "assert", "cvv", "cvc", "card", "ssn", "saml", "ticket",
)  # fmt: skip
"""Text in which none of these is found has none of the names above in it."""
