"""Reads a statement's tokens from the left, a few words at a time."""

from collections.abc import Sequence

from app.backend.migrations.sql.tokens import Kind, Token

__all__ = ["Cursor", "items_of", "name_of", "text_of"]

_OPENING = frozenset("([")
_CLOSING = frozenset(")]")


class Cursor:
    """A place in a row of tokens; it never fails, it only does not move.

    Args:
        tokens: without comments.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def rest(self) -> Sequence[Token]:
        """What has not been read."""
        return self._tokens[self._at :]

    @property
    def key(self) -> str:
        """The next token's key; empty at the end, and for what stands for itself."""
        return self._tokens[self._at].key if self._at < len(self._tokens) else ""

    def ahead(self, *words: str) -> bool:
        """Whether these words come next."""
        end = self._at + len(words)
        return tuple(one.key for one in self._tokens[self._at : end]) == words

    def take(self, *words: str) -> bool:
        """Goes past these words if they come next, and says whether they did."""
        found = self.ahead(*words)
        if found:
            self._at += len(words)
        return found

    def take_one_of(self, *words: str) -> str:
        """Goes past the next word if it is one of these; empty: it is not."""
        key = self.key
        if key not in words:
            return ""
        self._at += 1
        return key

    def skip(self) -> Token | None:
        """Goes past one token, whatever it is."""
        if self._at >= len(self._tokens):
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def has(self, *words: str) -> bool:
        """Whether these words come, one after the other, outside of parentheses."""
        depth = 0
        for place in range(self._at, len(self._tokens)):
            key = self._tokens[place].key
            if not depth and key == words[0]:
                end = place + len(words)
                if tuple(one.key for one in self._tokens[place:end]) == words:
                    return True
            depth += (key in _OPENING) - (key in _CLOSING)
        return False

    def name(self) -> str:
        """Goes past a name with or without a schema; empty: none comes next.

        It is folded as the server folds it, and the schema ``public`` is left out,
        since that is where a name without one is looked for.
        """
        parts = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind not in (Kind.WORD, Kind.QUOTED):
                break
            parts.append(name_of(token))
            self._at += 1
            if self.key != ".":
                break
            self._at += 1
        return ".".join(parts[1:] if parts[:1] == ["public"] else parts)

    def inside(self) -> Sequence[Token]:
        """Goes past a pair of parentheses that comes next; what is between them."""
        if self.key not in _OPENING:
            return ()
        start, depth = self._at + 1, 0
        while self._at < len(self._tokens):
            key = self._tokens[self._at].key
            depth += (key in _OPENING) - (key in _CLOSING)
            self._at += 1
            if not depth:
                return self._tokens[start : self._at - 1]
        return self._tokens[start:]

    def until(self, *words: str) -> Sequence[Token]:
        """Goes to the next of these words outside of parentheses; what it passed."""
        start, depth = self._at, 0
        while self._at < len(self._tokens):
            key = self._tokens[self._at].key
            if not depth and key in words:
                break
            depth += (key in _OPENING) - (key in _CLOSING)
            self._at += 1
        return self._tokens[start : self._at]


def items_of(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """The items of a list, by its commas outside of parentheses."""
    cursor = Cursor(tokens)
    items = [cursor.until(",")] if tokens else []
    while cursor.take(","):
        items.append(cursor.until(","))
    return items


def name_of(token: Token) -> str:
    """An identifier as the server stores it; a string's words without its quotes."""
    if token.kind is Kind.WORD:
        return token.text.lower()
    text = token.text
    if token.kind is Kind.QUOTED:
        return text[text.index('"') + 1 : -1].replace('""', '"')
    if token.kind is Kind.STRING and "'" in text and not text.startswith("$"):
        return text[text.index("'") + 1 : -1].replace("''", "'")
    return text


def text_of(tokens: Sequence[Token]) -> str:
    """The tokens one blank apart, words folded: spellings of one thing are equal."""
    return " ".join(one.key.lower() or one.text for one in tokens)
