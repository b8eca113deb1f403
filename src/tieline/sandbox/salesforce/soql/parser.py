"""Recursive descent from tokens to a `Query`."""

from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.soql.errors import query_error
from tieline.sandbox.salesforce.soql.lexer import Token, tokens_of
from tieline.sandbox.salesforce.soql.syntax import (
    And,
    Comparison,
    Condition,
    Kind,
    Literal,
    Name,
    Not,
    Or,
    Order,
    Query,
)

MAX_STATEMENT = 100_000
MAX_OFFSET = 2_000

_RESERVED = frozenset(
    {"AND", "OR", "NOT", "IN", "LIKE", "ORDER", "WHERE", "FROM", "SELECT", "LIMIT", "OFFSET"}
)
_LITERAL_KINDS = {
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "datetime": Kind.DATETIME,
    "date": Kind.DATE,
}
_WORDS = {"TRUE": Kind.BOOLEAN, "FALSE": Kind.BOOLEAN, "NULL": Kind.NULL}


def parse(text: str) -> Query:
    """The query; raises `SalesforceError` (MALFORMED_QUERY, NUMBER_OUTSIDE_VALID_RANGE) where it is none."""
    if len(text) > MAX_STATEMENT:
        raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
    if not text.strip():
        raise SalesforceError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0

    def query(self) -> Query:
        self._expect("SELECT")
        fields = self._fields()
        self._expect("FROM")
        sobject = self._name()
        where = self._condition() if self._take("WHERE") else None
        order: tuple[Order, ...] = ()
        if self._take("ORDER"):
            self._expect("BY")
            order = self._orders()
        limit = self._whole_number() if self._take("LIMIT") else None
        offset = self._offset() if self._take("OFFSET") else 0
        if self._peek().kind != "end":
            raise self._unexpected()
        return Query(self._text, fields, sobject, where, order, limit, offset)

    def _fields(self) -> tuple[Name, ...]:
        """Empty for `COUNT()`."""
        if self._peek().word == "COUNT" and self._tokens[self._at + 1].text == "(":
            self._at += 1
            self._mark("(")
            self._mark(")")
            return ()
        names = [self._name()]
        while self._take_mark(","):
            names.append(self._name())
        seen: set[str] = set()
        for name in names:
            if name.text.casefold() in seen:
                raise query_error(self._text, name.at, f"duplicate field selected: {name.text}")
            seen.add(name.text.casefold())
        return tuple(names)

    def _condition(self) -> Condition:
        """One level of either ANDs or ORs: SOQL wants parentheses where both appear."""
        parts = [self._term()]
        joined = self._peek().word
        if joined not in ("AND", "OR"):
            return parts[0]
        while self._take(joined):
            parts.append(self._term())
        if self._peek().word in ("AND", "OR"):
            raise self._unexpected()
        return And(tuple(parts)) if joined == "AND" else Or(tuple(parts))

    def _term(self) -> Condition:
        if self._take("NOT"):
            return Not(self._term())
        if self._take_mark("("):
            inside = self._condition()
            self._mark(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._name()
        token = self._peek()
        operator = "!=" if token.text == "<>" else token.text.upper()
        if token.kind == "operator" or token.word == "LIKE":
            self._at += 1
            return Comparison(field, operator, token.at, (self._literal(),))
        if token.word == "NOT" and self._tokens[self._at + 1].word == "IN":
            self._at += 2
            return Comparison(field, "NOT IN", token.at, self._literals())
        if token.word in ("IN", "INCLUDES", "EXCLUDES"):
            self._at += 1
            return Comparison(field, operator, token.at, self._literals())
        raise self._unexpected()

    def _literals(self) -> tuple[Literal, ...]:
        self._mark("(")
        values = [self._literal()]
        while self._take_mark(","):
            values.append(self._literal())
        self._mark(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._peek()
        kind = _LITERAL_KINDS.get(token.kind) or _WORDS.get(token.word)
        if kind is None:
            raise self._unexpected()
        self._at += 1
        return Literal(kind, token.text[1:-1] if kind is Kind.STRING else token.text, token.at)

    def _orders(self) -> tuple[Order, ...]:
        orders = [self._order()]
        while self._take_mark(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        field = self._name()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(field, descending, nulls_last)

    def _offset(self) -> int:
        offset = self._whole_number()
        if offset > MAX_OFFSET:
            raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        return offset

    def _whole_number(self) -> int:
        token = self._peek()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected()
        self._at += 1
        return int(token.text)

    def _name(self) -> Name:
        token = self._peek()
        if token.kind != "name" or token.word in _RESERVED:
            raise self._unexpected()
        self._at += 1
        if self._peek().text == "(":
            raise self._unexpected()
        return Name(token.text, token.at)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self, word: str) -> bool:
        if self._peek().word != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected()

    def _take_mark(self, mark: str) -> bool:
        if self._peek().kind != "mark" or self._peek().text != mark:
            return False
        self._at += 1
        return True

    def _mark(self, mark: str) -> None:
        if not self._take_mark(mark):
            raise self._unexpected()

    def _unexpected(self) -> SalesforceError:
        token = self._peek()
        message = f"unexpected token: '{token.text}'"
        if token.kind == "bad":
            message = f"line 1:{token.at} no viable alternative at character '{token.text}'"
        return query_error(self._text, token.at, message)
