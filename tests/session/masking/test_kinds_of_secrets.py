"""What is found in dirty text. Every value here is made up."""

from __future__ import annotations

import json

import pytest

from understudy.session.masking import KINDS, Masker

OPENAI = "sk-proj-" + "aB3dE6gH9" * 5
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM_LINE = "MIIEpAIBAAKCAQEA1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
PEM_LABEL = "RSA PRIVATE" + " KEY"
PEM = f"-----BEGIN {PEM_LABEL}-----\n{PEM_LINE}\n{PEM_LINE}\nabc=\n-----END {PEM_LABEL}-----"

API_KEYS = [
    OPENAI,
    "sk-" + "abcdefghijklmnopqrst012345",
    "sk-ant-api03-" + "a1B2c3" * 15 + "-AA",
    "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123",
    AWS_ID,
    "xoxb-" + "123456789012-abcdefghijkl",
    "sk_live_" + "abcdefghijklmnopqrstuvwx",
    "hf_" + "abcdEFGHijkl" * 3,
    "123456789:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1",
]


def masked(text: str, **options: object) -> str:
    return Masker(**options).mask_text(text)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", API_KEYS, ids=lambda key: key[:8])
@pytest.mark.parametrize("around", ["{}", "my key is {}, keep it", 'k="{}"', "({})", "a\\n{}\\n"])
def test_a_service_key_is_masked_whole_wherever_it_stands(key: str, around: str) -> None:
    assert masked(around.format(key)) == around.format("[API_KEY]")


def test_the_secret_beside_an_aws_key_id_goes_with_it() -> None:
    assert masked(f"{AWS_ID} {AWS_SECRET}") == "[API_KEY] [API_KEY]"
    assert AWS_SECRET not in masked(f"aws_secret_access_key = {AWS_SECRET}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JWT, "[TOKEN]"),
        ("Authorization: Bearer abc123def456ghi789jkl", "Authorization: Bearer [TOKEN]"),
        ("Authorization: Basic dXNlcjpwYXNzMTIz", "Authorization: Basic [TOKEN]"),
        ("password=hunter2", "password=[PASSWORD]"),
        ("PASSWORD: 'hunter2 is mine'", "PASSWORD: '[PASSWORD]'"),
        ("api_key: Zx81kQ0pLm92", "api_key: [API_KEY]"),
        ("My password is hunter2.", "My password is [PASSWORD]."),
        (
            "postgresql://app:s3cr3t@db.example.com/x",
            "postgresql://app:[PASSWORD]@db.example.com/x",
        ),
        ("https://u:letmein@host", "https://u:[PASSWORD]@host"),
        ('{\\"password\\":\\"hunter2\\"}', '{\\"password\\":\\"[PASSWORD]\\"}'),
        ("'password': 'a\\'c1234', 'x'", "'password': '[PASSWORD]', 'x'"),
        ("write to anna.b@example.co.uk.", "write to [EMAIL]."),
        ("'ann@x.org'", "'[EMAIL]'"),
        ("jörg@müller.de", "[EMAIL]"),
        ("192.168.1.77:8080", "[IP]:8080"),
        ("from 2001:db8::8a2e:370:7334,", "from [IP],"),
        ("fe80::1%eth0 ::ffff:192.168.1.1", "[IP] [IP]"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[IP]"),
        ("4111 1111 1111 1111", "[CREDIT_CARD]"),
        ("4111-1111-1111-1111.", "[CREDIT_CARD]."),
        ("card 5500000000000004", "card [CREDIT_CARD]"),
        ("3782 822463 10005", "[CREDIT_CARD]"),
        ("call +49 30 901820 now", "call [PHONE] now"),
        ("(415) 555-2671 or 415-555-2671", "[PHONE] or [PHONE]"),
        ("+1 555 123 4567, +15551234567", "[PHONE], [PHONE]"),
        ("020 7946 0958", "[PHONE]"),
        ("0171 1234567 und 089/12345678", "[PHONE] und [PHONE]"),
        ("01 23 45 67 89", "[PHONE]"),
        ("0049 30 901820", "[PHONE]"),
        ("phone: 4155552671", "phone: [PHONE]"),
        ("call me at 555-1234", "call me at [PHONE]"),
    ],
)
def test_it_is_masked_and_its_surroundings_are_kept(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n"])
def test_a_private_key_block_goes_whole_also_when_cut_off(line_end: str) -> None:
    block = PEM.replace("\n", line_end)
    assert masked(f"key {block} tail") == "key [PRIVATE_KEY] tail"
    cut = line_end.join(block.split(line_end)[:3])
    assert PEM_LINE not in masked(cut)


def test_prose_about_private_keys_is_kept() -> None:
    text = f"A file that begins with -----BEGIN {PEM_LABEL}----- is a key."
    assert masked(text) == text


def test_only_the_chosen_kinds_are_masked() -> None:
    assert masked("ann@x.org 192.168.1.77", kinds=["email"]) == "[EMAIL] 192.168.1.77"


@pytest.mark.parametrize(
    "text",
    ["ANNA", "anna", "(Anna)", "\\nAnna", "Anna\nLee", "STRASSE", "straße", "Stra\\u00dfe", "C++"],
)
def test_listed_words_are_masked_in_any_spelling(text: str) -> None:
    words = ["Anna Lee", "Anna", "Straße", "C++"]
    assert "[WORD]" in masked(text, words=words)


def test_listed_words_are_masked_only_whole() -> None:
    text = "Annabel, Hanna and Anna's annals"
    assert masked(text, words=["anna"]) == "Annabel, Hanna and [WORD]'s annals"


def test_a_listed_word_may_be_the_name_of_a_kind() -> None:
    masker = Masker(words=["email", "word"])
    once = masker.mask_text("email ann@x.org, word")[0]
    assert once == "[WORD] [EMAIL], [WORD]"
    assert masker.mask_text(once) == (once, {})


@pytest.mark.parametrize(
    "arguments",
    [
        {"q": "a\nfoo@bar.com", "w": "\tann@x.org\\"},
        {"password": 'ab"c12\\3"', "n": 1},
        {"password": 123456789, "phone": 4155552671, "card": 4111111111111111},
        {"cards": [4111111111111111, 5500000000000004]},
        {"text": "password='x1", "b": "y1234'"},
        {"password:": 123456, "b": "x"},
        {"key": PEM, "note": OPENAI + "\n" + JWT},
        {"call": "\n415-555-2671\n+49 30 901820", "ip": "\r192.168.1.77"},
    ],
)
def test_json_inside_a_string_stays_json(arguments: object) -> None:
    masker = Masker()
    for source in (json.dumps(arguments), json.dumps({"arguments": json.dumps(arguments)})):
        text = masker.mask_text(source)[0]
        outer = json.loads(text)
        if "arguments" in outer:
            json.loads(outer["arguments"])


def test_every_kind_has_a_description() -> None:
    assert all(description for description in KINDS.values())
