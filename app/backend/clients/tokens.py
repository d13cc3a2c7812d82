"""Tokens of a call: estimated before it, read from the answer after it. Pure."""

import json
import re
import zlib
from typing import Final

__all__ = ["HEAD", "Glimpse", "estimate", "usage"]

HEAD: Final = 4096
"""Bytes of an answer's beginning in which a stream says what went in."""
_TAIL: Final = 8192
"""Bytes of its end, in which everybody says what came out."""
_MOST_UNPACKED: Final = 1_048_576

# A quotation mark within a text is escaped in JSON, so that neither of these is ever
# found in what somebody wrote.
_WANTED = re.compile(rb'"max_(?:completion_|output_)?tokens"\s*:\s*(\d{1,9})')
_USAGE = re.compile(r'"usage"\s*:\s*(?=\{)')

_BYTES_A_TOKEN: Final = 4
_LARGE: Final = 32_768
# Only from where a run begins: tried from each of its bytes, a megabyte of long words
# would take seconds, and anybody can write one into a prompt.
_ENCODED = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{2048,}")
_TOKENS_A_PICTURE: Final = 1600
"""What a picture comes to at most, scaled down as vendors do; its base64, counted as
text, would be a hundred times that."""

_COUNTED = ("input_tokens", "output_tokens", "cache_creation_input_tokens")
_JSON = json.JSONDecoder()


def estimate(body: bytes) -> int:
    """Tokens that a request will cost: what it may answer, and a quarter of its bytes.

    Args:
        body: of the request, JSON. Files in base64 count as pictures.
    """
    wanted = max(map(int, _WANTED.findall(body)), default=0)
    size, pictures = len(body), 0
    if size > _LARGE:
        for encoded in _ENCODED.finditer(body):
            size -= len(encoded[0])
            pictures += 1
    return wanted + size // _BYTES_A_TOKEN + pictures * _TOKENS_A_PICTURE


def usage(*pieces: bytes) -> int | None:
    """Tokens that an answer says it has cost; None: it does not say.

    OpenAI and Together give a total. Anthropic does not; what it read from its cache
    does not count against its limits, and a stream tells at its beginning what went
    in, and at its end what came out.

    Args:
        pieces: of the body, plain or as server-sent events; they may overlap.
    """
    found: dict[str, int] = {}
    for piece in pieces:
        text = piece.decode(errors="replace")
        for match in _USAGE.finditer(text):
            try:
                said, _ = _JSON.raw_decode(text, match.end())
            except (ValueError, RecursionError):
                continue
            for name in (*_COUNTED, "total_tokens"):
                value = said.get(name)
                if isinstance(value, int):
                    # Of one stream, the later count contains the earlier one.
                    found[name] = max(found.get(name, 0), value)
    if "total_tokens" in found:
        return found["total_tokens"]
    return sum(found.values()) if found else None


class Glimpse:
    """Sees a body pass by, and keeps its beginning and its end, unpacked.

    Args:
        encoding: the ``Content-Encoding``; None of what is neither ``gzip`` nor
            ``identity`` is kept.
        head: bytes of the beginning that are kept.
    """

    __slots__ = ("_head_most", "_readable", "_unpack", "head", "tail")

    def __init__(self, encoding: str, head: int = HEAD) -> None:
        self.head = b""
        self.tail = b""
        self._head_most = head
        self._unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        self._readable = encoding in {"", "identity", "gzip"}

    def saw(self, piece: bytes) -> None:
        """Looks at the next piece; never raises."""
        if not self._readable:
            return
        if self._unpack is not None:
            try:
                piece = self._unpack.decompress(piece, _MOST_UNPACKED)
            except zlib.error:
                self._readable = False
                return
            if self._unpack.unconsumed_tail:
                self._readable = False  # a little that becomes very much
        if len(self.head) < self._head_most:
            self.head += piece[: self._head_most - len(self.head)]
        whole = piece if len(piece) >= _TAIL else self.tail + piece
        self.tail = whole[-_TAIL:]
