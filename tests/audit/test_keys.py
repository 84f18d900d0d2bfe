from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.keys import Algorithm, Signer, keygen, load_secret, load_signer, load_verifier

SECRET = "5e" * 32

ALGORITHMS = pytest.mark.parametrize("algorithm", ["Ed25519", "HMAC-SHA256"])


def path_of(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "a.key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@ALGORITHMS
def test_what_was_made_signs_and_is_loaded_again(tmp_path: Path, algorithm: Algorithm) -> None:
    made = keygen(tmp_path / "audit.key", algorithm=algorithm)
    loaded, verifier = load_signer(str(tmp_path / "audit.key")), load_verifier(str(tmp_path / "audit.key"))
    assert made.algorithm == loaded.algorithm == verifier.algorithm == algorithm
    assert made.key_id == loaded.key_id == verifier.key_id
    assert len(made.key_id) == 16
    signature = made.sign(b"checkpoint")
    assert loaded.sign(b"checkpoint") == signature
    assert verifier.check(b"checkpoint", signature)
    assert made.verifier().check(b"checkpoint", signature)


def test_the_public_half_verifies_and_does_not_sign(tmp_path: Path) -> None:
    signer = keygen(tmp_path / "audit.key")
    public = str(tmp_path / "audit.key.pub")
    assert load_verifier(public).check(b"x", signer.sign(b"x"))
    assert load_verifier(public).key_id == signer.key_id
    with pytest.raises(ValueError, match=r"audit.key.pub: no key that signs"):
        load_signer(public)


def test_the_raw_public_key_verifies_as_an_event_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = keygen(tmp_path / "audit.key")
    assert signer.public is not None
    monkeypatch.setenv("AUDIT_PUBLIC", f"ed25519:{signer.public.hex()}")
    assert load_verifier("env:AUDIT_PUBLIC").check(b"x", signer.sign(b"x"))


def test_a_pem_in_a_variable_may_have_its_lines_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = keygen(tmp_path / "audit.key")
    monkeypatch.setenv("AUDIT_KEY", (tmp_path / "audit.key").read_text().replace("\n", "\\n"))
    assert load_signer("env:AUDIT_KEY").key_id == signer.key_id


@ALGORITHMS
@given(data=st.binary(), other=st.binary(), signature=st.binary(max_size=80))
def test_only_the_signature_of_the_same_data_and_key_is_one(
    algorithm: Algorithm, data: bytes, other: bytes, signature: bytes
) -> None:
    signer = SIGNERS[algorithm]
    verifier = signer.verifier()
    assert verifier.check(data, signer.sign(data))
    assert verifier.check(other, signer.sign(data)) == (other == data)
    assert not verifier.check(data, signature)


@pytest.mark.parametrize("algorithm", ["Ed25519", "HMAC-SHA256"])
def test_a_private_key_is_its_owners_alone(tmp_path: Path, algorithm: Algorithm) -> None:
    keygen(tmp_path / "audit.key", algorithm=algorithm)
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o620):
        (tmp_path / "audit.key").chmod(mode)
        for load in (load_signer, load_verifier):
            with pytest.raises(ValueError, match="others may read or change it; chmod 600"):
                load(str(tmp_path / "audit.key"))


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keygen(tmp_path / "audit.key")
    before = (tmp_path / "audit.key").read_bytes()
    for algorithm in ("Ed25519", "HMAC-SHA256"):
        with pytest.raises(FileExistsError):
            keygen(tmp_path / "audit.key", algorithm=algorithm)
    (tmp_path / "other.key.pub").touch()
    with pytest.raises(FileExistsError):
        keygen(tmp_path / "other.key")
    assert not (tmp_path / "other.key").exists()
    (tmp_path / "third.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        keygen(tmp_path / "third.key")
    assert (tmp_path / "audit.key").read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", SECRET[:62], SECRET + "0", "ed25519:abcd", "ed25519:" + "ff" * 31, "é" * 64,
     "-----BEGIN PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "5e" * 20_000,
     "\0" * 70],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    for load in (load_signer, load_verifier):
        with pytest.raises(ValueError) as refused:
            load(path_of(tmp_path, text))
        assert "a.key" in str(refused.value)
        if text:
            assert text not in str(refused.value)
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_key_of_another_algorithm_or_with_a_password_is_refused(tmp_path: Path) -> None:
    form = serialization
    key = elliptic(SECP256R1())
    for encryption in (form.NoEncryption(), form.BestAvailableEncryption(b"pass")):
        pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, encryption).decode()
        with pytest.raises(ValueError, match="not an Ed25519 key"):
            load_signer(path_of(tmp_path, pem))
    pem = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match="no key"):
        load_verifier(path_of(tmp_path, pem))


@pytest.mark.parametrize(
    "spec", ["", "/", "/nowhere/a.key", "env:", "env:MIDWATCH_NOT_SET", "a\0b", "/dev/null", "x" * 9999]
)
def test_a_place_without_a_key_is_an_error_that_says_why(spec: str) -> None:
    for load in (load_signer, load_verifier):
        with pytest.raises(ValueError, match=r".+: .+"):
            load(spec)


def test_a_key_in_place_of_its_name_is_not_shown(tmp_path: Path) -> None:
    keygen(tmp_path / "audit.key")
    for key in (SECRET, (tmp_path / "audit.key").read_text()):
        with pytest.raises(ValueError, match=r"^the key: "):
            load_signer(key)


def test_nothing_shows_the_secret() -> None:
    for signer in SIGNERS.values():
        assert SECRET not in repr(signer) + repr(vars(signer.verifier()).get("key_id")) + str(signer)


def test_cryptography_is_imported_only_where_there_is_such_a_key(tmp_path: Path) -> None:
    spec = path_of(tmp_path, SECRET)
    code = (
        "import sys; from midwatch.audit.keys import load_signer, load_verifier;"
        f"load_verifier({spec!r}).check(b'x', load_signer({spec!r}).sign(b'x'));"
        "assert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_cryptography_the_error_says_what_to_install(tmp_path: Path) -> None:
    keygen(tmp_path / "audit.key")
    code = (
        "import importlib.util as u; from midwatch.audit import keys; from midwatch.audit.keys import signing\n"
        "signing.find_spec = lambda name: None\n"
        f"for do in (lambda: keys.load_signer({str(tmp_path / 'audit.key')!r}), lambda: keys.keygen(None or keys)):\n"
        "    try: do()\n"
        "    except (ValueError, AttributeError) as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "pip install 'midwatch[audit]'" in said


def test_a_secret_is_any_text_that_is_long_enough_and_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_secret(path_of(tmp_path, "correct horse battery\n")) == b"correct horse battery"
    with pytest.raises(ValueError, match="chmod 600"):
        load_secret(path_of(tmp_path, "correct horse battery", 0o640))
    monkeypatch.setenv("AUDIT_SECRET", "hunter2 and more")
    assert load_secret("env:AUDIT_SECRET") == b"hunter2 and more"
    monkeypatch.setenv("AUDIT_SECRET", "hunter2")
    with pytest.raises(ValueError, match=r"^env:AUDIT_SECRET: a secret needs at least 16 bytes$"):
        load_secret("env:AUDIT_SECRET")


SIGNERS = {"HMAC-SHA256": Signer(bytes.fromhex(SECRET))}


@pytest.fixture(scope="module", autouse=True)
def _keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    SIGNERS["Ed25519"] = keygen(tmp_path_factory.mktemp("keys") / "audit.key")
