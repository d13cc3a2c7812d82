import random
import string
from uuid import UUID

import pytest

from app.backend.config.rules.strength import ENOUGH_BITS, bits

CHANCE = random.Random(4)  # noqa: S311 - the same keys in every run
URL_SAFE = string.ascii_letters + string.digits + "-_"


def drawn(letters: str, length: int) -> str:
    return "".join(CHANCE.choices(letters, k=length))


@pytest.mark.parametrize(
    ("letters", "length"),
    [
        ("0123456789abcdef", 32),
        ("0123456789ABCDEF", 64),
        (URL_SAFE, 32),
        (URL_SAFE, 43),
    ],
)
def test_no_random_key_is_weak(letters: str, length: int) -> None:
    weakest = min(bits(drawn(letters, length)) for _ in range(2_000))

    assert weakest >= ENOUGH_BITS


def test_no_random_uuid_is_weak() -> None:
    drawn_ones = (str(UUID(int=CHANCE.getrandbits(128))) for _ in range(500))

    assert min(map(bits, drawn_ones)) >= ENOUGH_BITS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 64,
        "ab" * 32,
        "1234567890" * 4,
        "0123456789abcdef" * 2,
        "abcdefghijklmnopqrstuvwxyz123456",
        "zyxwvutsrqponmlkjihgfedcba987654",
        "password" * 6,
        "PasswordPasswordPasswordPassword1!",
        "qwertyuiopasdfghjklzxcvbnm123456",
        "super-secret-jwt-signing-key-for-production-2026",
        "pm33-production-secret-key-please-change",
    ],
)
def test_what_people_make_up_is_weak(text: str) -> None:
    assert bits(text) < ENOUGH_BITS


def test_repeating_a_key_does_not_make_it_stronger() -> None:
    once = drawn(URL_SAFE, 12)

    assert bits(once * 4) < bits(once) * 1.5
