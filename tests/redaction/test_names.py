"""Which names are those of secrets, however they are spelled, and which only look so."""

# ruff: noqa: SIM905 - as prose they can be read

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.redaction.names import LONGEST, ROUNDS, SecretNames, decoded
from midwatch.redaction.words import ANYWHERE, ENDINGS, LAST, QUERY, ROOTS, WHOLE

names = SecretNames()

SECRET = """
password Password user_password userPassword user-password USER_PASSWORD dbpassword passwd pwd db_pass passphrase
secret client_secret clientSecret CLIENT-SECRET token access_token accessToken accesstoken refresh_token x-auth-token
api_key apikey apiKey APIKey API_KEY X-Api-Key x.api.key private_key aws_access_key_id AWSAccessKeyId
Authorization Proxy-Authorization HTTP_AUTHORIZATION Cookie Set-Cookie cookies x-auth basic_auth
session session_id sessionid sessionId PHPSESSID JSESSIONID ASP.NET_SessionId connect.sid sid
csrf csrftoken csrfmiddlewaretoken X-CSRF-Token xsrf-token authenticity_token
signature X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature X-Hub-Signature-256 sig
otp totp_code pin pin_code card_pin jwt id_token client_assertion SAMLResponse code_verifier device_code
cvv cvc card_number credit_card ssn credentials password2 user[password] users.0.password password_confirmation
passwords api_keys backup_codes toKen sEcReT
""".split()

HARMLESS = """
author authors authority passenger tokenizer_count tokenizer secretary keyboard monkey turkey compass bypass obsession
design signal assigned pinned shipping opinion inside zip_code zipcode status_code error_code country_code barcode
max_tokens total_tokens token_count token_type token_expires_in token_endpoint password_policy password_length
session_count session_duration_limit auth_method signature_version cookie_consent secret_name idempotency-key
Sec-WebSocket-Key primary_key key keys cache_key code state page q user username email order.id items
""".split()


@pytest.mark.parametrize("name", SECRET)
def test_secrets(name: str) -> None:
    assert names.hides(name)
    assert names.hides_in_query(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_one(name: str) -> None:
    assert not names.hides(name)


@pytest.mark.parametrize("name", ["code", "Code", "oauth[code]", "key", "ticket", "%63ode"])
def test_what_means_more_in_a_query(name: str) -> None:
    assert names.hides_in_query(name)
    assert not names.hides(name)


@pytest.mark.parametrize("name", ["zip_code", "error_code", "code_challenge_method", "keyboard", "sort_key", "state"])
def test_what_means_no_more_in_a_query(name: str) -> None:
    assert not names.hides_in_query(name)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("%70assword", id="percent"),
        pytest.param("%2570assword", id="percent twice"),
        pytest.param("%25252525252525252570", id="percent without end"),
        pytest.param("pass%ffword", id="no UTF-8"),
        pytest.param("pass%00word", id="NUL"),
        pytest.param("pass+word", id="plus"),
        pytest.param("\uff50\uff41\uff53\uff53word", id="full width"),
        pytest.param("p\u0430ssw\u043erd", id="cyrillic"),
        pytest.param("p\u00e1ssword", id="accent"),
        pytest.param("pass\u200bword", id="zero width"),
        pytest.param("pass\u00adword", id="soft hyphen"),
        pytest.param("t\u03bfken", id="greek"),
        pytest.param("to\u212aen", id="kelvin"),
        pytest.param("\u017fecret", id="long s"),
        pytest.param("p\u0131n", id="dotless i"),
        pytest.param("\U0001d429\U0001d41a\U0001d42c\U0001d42cword", id="mathematical"),
        pytest.param("x" * LONGEST + "y", id="too long"),
    ],
)
def test_trickery(name: str) -> None:
    """A name that some server might read as that of a secret is one."""
    assert names.hides(name)


@pytest.mark.parametrize(
    ("own", "name", "hidden"),
    [
        ("iban", "iban", True),
        ("iban", "customer_iban", True),
        ("iban", "customerIban", True),
        ("iban", "urbana", False),
        ("X-Internal-User", "x_internal_user", True),
        ("X-Internal-User", "xInternalUserName", True),
        ("X-Internal-User", "internal_user", False),
        ("customerRef", "customer-ref", True),
        ("iban", "iban_count", True),
    ],
)
def test_names_of_the_user(own: str, name: str, hidden: bool) -> None:
    assert SecretNames([own]).hides(name) is hidden


@pytest.mark.parametrize("own", ["", "--", " ", "_"])
def test_what_is_no_name(own: str) -> None:
    with pytest.raises(ValueError, match="no letters and no digits"):
        SecretNames([own])


cases = st.sampled_from([str.lower, str.upper, str.title, str.capitalize, str])
joints = st.sampled_from(["_", "-", ".", " ", "", "__", "[", "%5f", "%252D"])


@given(
    st.sampled_from(["api key", "access token", "client secret", "session id"]), cases, joints, st.integers(0, ROUNDS)
)
def test_any_spelling(words: str, case: object, joint: str, rounds: int) -> None:
    """Case and separators do not count, nor how often the name was encoded."""
    assert callable(case)
    name = joint.join(case(word) for word in words.split())
    for _ in range(rounds):
        name = "".join(f"%{ord(letter):02x}" for letter in name) if len(name) < 20 else quote(name)
    assert names.hides(name)


@given(st.text())
def test_any_text_has_a_verdict(name: str) -> None:
    assert isinstance(names.hides(name), bool)
    assert names.hides_in_query(name) >= names.hides(name)


@given(st.text(alphabet="%25abc", max_size=60))
def test_decoding_ends(text: str) -> None:
    """What comes out has nothing left to decode."""
    plain = decoded(text)
    assert plain is None or decoded(plain) == plain


def test_roots_tell_all_names() -> None:
    """Text without any root has no name of a secret in it."""
    for name in {*ANYWHERE, *LAST, *ENDINGS, *QUERY, *WHOLE}:
        assert any(root in name for root in ROOTS), name
