"""Secrets in text, by their form and by the name in front of them; and how long that takes."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.redaction.cards import is_card, mask_cards
from midwatch.redaction.credentials import mask_credentials
from midwatch.redaction.names import SecretNames
from midwatch.redaction.pairs import Pairs
from midwatch.redaction.values import Values

values = Values(SecretNames(["iban"]))

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----"

# Put together here, so that no scanner of sources takes them for real.
FORMS = {
    "bearer": ("Bearer abc123.DEF-456", "Bearer [redacted]"),
    "basic": ("basic dXNlcjpwYXNz", "basic [redacted]"),
    "web token": (f"got {JWT}", "got [redacted]"),
    "web token, cut": (f"got {JWT[:20]}", "got [redacted]"),
    "key": (f"bad {PEM} here", "bad [redacted] here"),
    "key, cut": (f"bad {PEM[:45]}", "bad [redacted]"),
    "key of PGP": ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----.", "[redacted]."),
    "user of a URL": ("postgresql://shop:s3cr@t@db:5432/shop", "postgresql://[redacted]@db:5432/shop"),
    "key of a URL": ("https://key@bugs.example/1", "https://[redacted]@bugs.example/1"),
    "slash in a password": ("amqp://shop:a/b?c@mq/x", "amqp://[redacted]@mq/x"),
    "user of a URL, cut": ("x://" + "u" * 300, "x://[redacted]"),
    "Amazon": ("key AKIA" + "IOSFODNN7EXAMPLE.", "key [redacted]."),
    "GitHub": ("ghp_" + "a1B2" * 9 + " x", "[redacted] x"),
    "GitHub, fine": ("github_pat_" + "a1B2" * 9, "[redacted]"),
    "GitLab": ("glpat-" + "a1B2" * 5, "[redacted]"),
    "Slack": ("xoxb-" + "123456789012-abcDEF", "[redacted]"),
    "Stripe": ("sk_live_" + "a1B2" * 6, "[redacted]"),
    "Google": ("AIza" + "a1B2" * 9, "[redacted]"),
    "card": ("card 4111111111111111 declined", "card [redacted] declined"),
    "card in groups": ("4111 1111 1111 1111, 4111-1111-1111-1111", "[redacted], [redacted]"),
    "card of American Express": ("3782 822463 10005", "[redacted]"),
    "card among numbers": ("5 4111 1111 1111 1111 12/27", "5 [redacted] 12/27"),
    "card after a date": ("2024-11-24 4111 1111 1111 1111", "2024-11-24 [redacted]"),
    "assignment": ("host=db password=swordfish port=5", "host=db password=[redacted] port=5"),
    "assignment with spaces": ("password = swordfish", "password = [redacted]"),
    "quoted": ("password='sword fish' port=5", "password=[redacted] port=5"),
    "quoted, not closed": ("password='sword fish", "password=[redacted]"),
    "comma within": ("password=sword,fish port=5", "password=[redacted] port=5"),
    "comma before a name": ("password=swordfish,port=5", "password=[redacted],port=5"),
    "colon": ("password: swordfish", "password: [redacted]"),
    "colon in a list": ("password: swordfish port: 5", "password: [redacted] port: 5"),
    "YAML": ("db:\n  password: sword1\n  port: 5", "db:\n  password: [redacted]\n  port: 5"),
    "JSON": ('{"client_secret": "sword, fish"}', '{"client_secret": [redacted]}'),
    "JSON with escapes": ('{"password": "sw\\"ord, fish"}', '{"password": [redacted]}'),
    "JSON in a string": ('"{\\"password\\": \\"sword fish\\"}"', '"{\\"password\\": [redacted]}"'),
    "JSON, a number": ('{"pin":1234, "a":1}', '{"pin":[redacted], "a":1}'),
    "JSON, a list": ('{"secrets": ["a", "b"], "c": 1}', '{"secrets": [redacted], "c": 1}'),
    "repr of a dict": ("{'user': 'me', 'api_key': 'sword fish'}", "{'user': 'me', 'api_key': [redacted]}"),
    "repr of bytes": ("{b'password': b'sword fish'}", "{b'password': [redacted]}"),
    "repr of headers": ("[(b'cookie', b'a=1; b=2'), (b'a', b'b')]", "[(b'cookie', [redacted]), (b'a', b'b')]"),
    "repr of an object": ("User(password=SecretStr('fish'), a=1)", "User(password=[redacted]), a=1)"),
    "within a value": ('note="password=swordfish"', 'note="password=[redacted]"'),
    "header": ("Authorization: Digest user=a, response=b\nHost: x", "Authorization: Digest [redacted]\nHost: x"),
    "header, cookie": ("Cookie: theme=dark; sid=abc", "Cookie: [redacted]"),
    "header, quoted": ("curl -H 'Authorization: Token abc' x", "curl -H 'Authorization: Token [redacted]' x"),
    "query": ("GET /x?page=2&sig=abc&a=1", "GET /x?page=2&sig=[redacted]&a=1"),
    "query of OAuth": ("GET /x?code=4/0Ab&state=1", "GET /x?code=[redacted]&state=1"),
    "query, encoded": ("GET /x?%74oken=abc&a=1", "GET /x?%74oken=[redacted]&a=1"),
    "option": ("mysql --password swordfish -v", "mysql --password [redacted] -v"),
    "option, assigned": ("mysql --password=swordfish -v", "mysql --password=[redacted] -v"),
    "option in a list": ("['x', '--token', 'swordfish', '-v']", "['x', '--token', [redacted], '-v']"),
    "after a long run": ("x" * 500 + "_password=swordfish", "x" * 500 + "_password=[redacted]"),
    "the user's name": ("customer_iban=DE02 x", "customer_iban=[redacted] x"),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*both, id=name) for name, both in FORMS.items()])
def test_secrets_are_masked(text: str, expected: str) -> None:
    assert values.mask(text) == expected
    assert values.mask(expected) == expected


PROSE = [
    "Bearer authentication failed", "basic configuration is missing", "unexpected token: '}'",
    "unexpected token: 'function'", "password: must be longer", "Invalid password: This field is required.",
    "session: not found here", "GET https://example.org/a@b failed", "see https://example.org:8080/a@b",
    "mail to ops@example.org bounced", "-----BEGIN CERTIFICATE-----", "zip_code=12345 code=7 state: open",
    "author=Ann keyboard=de monkey: 3", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "at 12:30:45.123456", "a == b",
    "order 12345678901234567", "id 4111111111111112", "took 4.111111111111111 s", "x4111111111111111",
    "4111111111111111f",
    "550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012", "1700000000000000000",
    "41111111111111114111111111111111", "eyJ", "sk-learn", "xox-", "max_tokens=100 token_count: 3", "://", "x::y", "==",
]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_left_alone(text: str) -> None:
    """What only looks like a secret stays readable."""
    assert values.mask(text) == text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('password = "swordfish"', "password = [redacted]"),
        ("token = request.headers['x-token']", "token = request.headers['x-token']"),
        ("if token == 'swordfish':", "if token == [redacted]:"),
        ("def login(password: str, token: str = b'x'):", "def login(password: str, token: str = b'x'):"),
        ('connect("postgresql://shop:swordfish@db/shop")', 'connect("postgresql://[redacted]@db/shop")'),
        ("get(url, headers={'Authorization': f'Basic {x}'})", "get(url, headers={'Authorization': [redacted]})"),
        ('os.environ["API_KEY"] = "swordfish"', 'os.environ["API_KEY"] = [redacted]'),
        ('settings.setdefault("password", "swordfish")', 'settings.setdefault("password", [redacted])'),
        ("return sum(tokens[key] for key in keys)", "return sum(tokens[key] for key in keys)"),
    ],
)
def test_source_shows_expressions(line: str, expected: str) -> None:
    """In a line of a program only literals are hidden: what is computed is no secret, and tells what went wrong."""
    assert values.mask_source(line) == expected


# A planted secret

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
secrets = st.text(LETTERS, min_size=12, max_size=60).map(lambda text: f"s3Cr{text}7Q")
around = st.text(max_size=40)
TEMPLATES = [
    "Bearer {}", "Authorization: Bearer {}", "authorization: token {}", "Cookie: a=b; sid={}", "https://user:{}@host/x",
    "password={}", "password = '{}'", 'PASSWORD: "{}"', "password: {}", '{{"access_token": "{}"}}', "'apiKey': '{}'",
    "{{'secret': ['{}', 1]}}", "('x-api-key', '{}')", "(b'cookie', b'a={}')", "/x?a=1&token={}", "/x?code={}&b=2",
    "--client-secret {}", "'--password', '{}'", '"{{\\"pin\\": \\"{}\\"}}"', "eyJhbGciOiJIUzI1NiJ9.{}.x",
    "ghp_{}", "sk_live_{}", "xoxb-{}", "-----BEGIN PRIVATE KEY-----\n{}", "db_password => {}", "-Dmy.password={}",
    "x%5Fpassword={}", "iban={}",
]  # fmt: skip


@given(around, st.sampled_from(TEMPLATES), secrets, around)
def test_a_planted_secret_never_survives(before: str, template: str, secret: str, after: str) -> None:
    shown = values.mask(f"{before} {template.format(secret)} {after}")
    assert secret not in shown
    assert secret[6:] not in shown


pieces = st.sampled_from(
    ["password=", "token: ", '"', "'", "\\", "://", "@", ":", "=", "eyJhbGciOiJ9", "Bearer ", "4111 1111 1111 1111",
     " ", "{", "}", "(", ")", "[", "]", "Cookie: ", "-----BEGIN PRIVATE KEY-----", "--secret", ",", "&", "?", "\n", "x",
     "%41", "Authorization: Basic ", "AKIAIOSFODNN7EXAMPLE", "\u017f", "\ud800"]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=5), max_size=30).map("".join))
def test_any_text(text: str) -> None:
    """Nothing raises, nothing grows without bounds, and what was masked stays as it is."""
    shown = values.mask(text)
    assert len(shown) <= 6 * len(text) + 10
    assert values.mask(values.mask(shown)) == values.mask(shown)
    values.mask_source(text)


# Cards

CARDS = ["4111111111111111", "4222222222222", "5555555555554444", "2223003122003222", "378282246310005",
         "6011111111111117", "30569309025904", "3530111333300000", "6200000000000005", "6759649826438453"]  # fmt: skip


@pytest.mark.parametrize("digits", CARDS)
def test_cards(digits: str) -> None:
    """The numbers that brands give for tests; with another check digit they are none."""
    assert is_card(digits)
    assert mask_cards(f"card {digits}.") == "card [redacted]."
    assert not is_card(digits[:-1] + str((int(digits[-1]) + 1) % 10))


@given(st.text("0123456789 -.ax", max_size=200))
def test_digits_without_a_card_stay(text: str) -> None:
    """Only cards are taken out: all else is there, in order."""
    assert all(part in text for part in mask_cards(text).split("[redacted]"))


# Time

MIB = 1 << 20
PIECES = ["a", "eyJ", "-----BEGIN", "://", "Bearer ", "password=", '"', "0", "1", "7", " ", "'", "\\", "@", "a=", "a:"]
names = SecretNames()
MASKS = {
    "credentials": mask_credentials,
    "cards": mask_cards,
    "pairs": Pairs(names).mask,
    "source": Values(names).mask_source,
    "whole": Values(names).mask,
}


@pytest.mark.parametrize("mask", [pytest.param(mask, id=name) for name, mask in MASKS.items()])
@pytest.mark.parametrize("piece", PIECES)
def test_a_mebibyte_takes_no_time(piece: str, mask: object) -> None:
    """Every pattern is linear (audit_security.md row 25); the least time of several runs, of this thread only."""
    assert callable(mask)
    text = (piece * (MIB // len(piece) + 1))[:MIB] + "!"
    least = 1.0
    for _ in range(8):
        start = thread_time()
        mask(text)
        least = min(least, thread_time() - start)
        if least < 0.05:
            break
    assert least < 0.05


# Growing: what is not in the list above may take longer for a mebibyte, but never out of proportion.
SLOWER = ["key=", "password= ", "4111 ", "x=y&token=1&", "(b'cookie', b'", "--password x ", "://a:b@", "a='b=\"",
          "password=(", 'password="', '{\\"token\\":', "1-", "Cookie: a\n", "token: a b ",
          "-----BEGIN PRIVATE KEY-----"]  # fmt: skip


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
@pytest.mark.parametrize("piece", SLOWER)
def test_no_text_takes_out_of_proportion(piece: str) -> None:
    """Sixteen times the text takes about sixteen times as long; a square would take 256 times."""

    def least(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        times = []
        for _ in range(4):
            start = thread_time()
            values.mask(text)
            times.append(thread_time() - start)
        return min(times)

    assert least(1 << 18) < 80 * least(1 << 14)
