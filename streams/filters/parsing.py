"""From tokens to nodes. A subset of the Common Expression Language, and `text(…)`; docs/interface.md has the whole."""

from __future__ import annotations

from collections.abc import Callable

from streams.filters.bad_filter import BadFilter
from streams.filters.nodes import (
    Binary,
    Call,
    Choice,
    Constant,
    Field,
    Has,
    Index,
    Joined,
    ListOf,
    Loop,
    LoopKind,
    Name,
    Node,
    Unary,
    parts_of,
)
from streams.filters.tokens import Token, tokens

CHARACTERS = 2000  # of a filter: what stands in an address and is read by a person
NODES = 200
DEPTH = 24  # parts within parts, parentheses included: Python's own recursion stays small
LOOPS = 2  # one within the other
LARGEST = 2**63 - 1  # of a whole number
UNSIGNED_TOP = 2**64 - 1  # of one that is written with a u

RELATIONS = ("==", "!=", "<=", ">=", "<", ">", "in")
SUMS, PRODUCTS = ("+", "-"), ("*", "/", "%")
CONSTANTS = {"true": True, "false": False, "null": None}
# Words that CEL keeps for itself; after a dot only the first four are.
RESERVED = ("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
            "import", "let", "loop", "package", "namespace", "return", "var", "void", "while")  # fmt: skip
LOOP_KINDS: dict[str, LoopKind] = {
    "exists": "exists", "all": "all", "exists_one": "exists_one", "existsOne": "exists_one", "filter": "filter",
    "map": "map",
}  # fmt: skip
# How many parts each takes: in parentheses, and with the one before the dot.
FUNCTIONS = {"size": 1, "int": 1, "double": 1, "string": 1, "timestamp": 1, "duration": 1, "matches": 2, "text": 1}
METHODS = {"size": 1, "startsWith": 2, "endsWith": 2, "contains": 2, "matches": 2, "lowerAscii": 1}


def parse(text: str) -> Node:
    """The nodes of a filter. Raises BadFilter for what is none, and for what is larger than it may be."""
    if len(text) > CHARACTERS:
        raise BadFilter(f"A filter has at most {CHARACTERS:,} characters; this one has {len(text):,}.", CHARACTERS)
    parser = _Parser(tokens(text))
    node = parser.whole()
    _measure(node)
    return node


def _measure(node: Node) -> None:
    """Raises BadFilter when there are too many nodes, or too deep ones, or loops in loops in loops."""
    seen = 0
    waiting = [(node, 1, 0)]
    while waiting:
        each, depth, loops = waiting.pop()
        seen += 1
        if seen > NODES:
            raise BadFilter(f"A filter has at most {NODES} parts; this one has more.", each.at)
        if depth > DEPTH:
            raise BadFilter(f"A filter is at most {DEPTH} parts deep; this one is deeper.", each.at)
        for part in parts_of(each):
            is_within = isinstance(each, Loop) and part is not each.over
            if is_within and loops == LOOPS:
                raise BadFilter(f"At most {LOOPS} loops stand in each other.", each.at)
            waiting.append((part, depth + 1, loops + is_within))


class _Parser:
    """Walks along the tokens. Each method takes what it is named after."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _is(self, *sources: str) -> bool:
        return self._token.kind in {"sign", "name"} and self._token.source in sources

    def _is_over(self) -> bool:
        return self._token.kind == "end"

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _expect(self, sign: str, where: str) -> Token:
        if not self._is(sign):
            raise BadFilter(f"{sign} was expected {where}{self._instead()}.", self._token.at)
        return self._take()

    def _instead(self) -> str:
        return ", but the filter ends" if self._is_over() else f", not {self._token.source}"

    def whole(self) -> Node:
        if self._is_over():
            raise BadFilter("There is no condition.", self._token.at)
        node = self._any()
        if not self._is_over():
            raise BadFilter(f"&&, || or the end was expected{self._instead()}.", self._token.at)
        return node

    def _any(self) -> Node:
        """Anything at all: a choice, or what binds closer."""
        self._depth += 1
        if self._depth > DEPTH:
            raise BadFilter(f"A filter is at most {DEPTH} parts deep; this one is deeper.", self._token.at)
        node = self._joined("||", self._all_of)
        if self._is("?"):
            at = self._take().at
            yes = self._joined("||", self._all_of)
            self._expect(":", "before what holds otherwise")
            node = Choice(at, node, yes, self._any())
        self._depth -= 1
        return node

    def _all_of(self) -> Node:
        return self._joined("&&", self._relation)

    def _joined(self, sign: str, part: Callable[[], Node]) -> Node:
        first = part()
        if not self._is(sign):
            return first
        at = self._token.at
        parts = [first]
        while self._is(sign):
            self._take()
            parts.append(part())
        flat = [inner for each in parts for inner in _flat(each, sign)]
        return Joined(at, sign, tuple(flat))

    def _relation(self) -> Node:
        return self._binary(RELATIONS, lambda: self._binary(SUMS, lambda: self._binary(PRODUCTS, self._unary)))

    def _binary(self, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        node = part()
        while self._is(*signs):
            sign = self._take()
            node = Binary(sign.at, sign.source, node, part())
        return node

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._is("!", "-") and (not signs or self._is(signs[0].source)):
            signs.append(self._take())
        node: Node
        if signs and signs[-1].source == "-" and self._token.kind in {"integer", "double"}:
            node = self._members(self._number(signs.pop()))
        else:
            node = self._members(self._primary())
        for sign in reversed(signs):
            node = Unary(sign.at, sign.source, node)
        return node

    def _number(self, minus: Token | None) -> Node:
        token = self._take()
        value = -token.value if minus else token.value
        if token.kind == "integer":
            is_unsigned = token.source[-1] in "uU"
            smallest, largest = (0, UNSIGNED_TOP) if is_unsigned else (-LARGEST - 1, LARGEST)
            if not smallest <= value <= largest:
                which = " with a u" if is_unsigned else ""
                raise BadFilter(f"Whole numbers{which} lie between {smallest} and {largest}.", token.at)
        return Constant((minus or token).at, value)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in {"integer", "double"}:
            return self._number(None)
        if token.kind == "text":
            return Constant(self._take().at, token.value)
        if self._is("("):
            self._take()
            node = self._any()
            self._expect(")", "at the end of the parentheses")
            return node
        if self._is("["):
            self._take()
            return ListOf(token.at, self._parts("]", "at the end of the list", is_list=True))
        if token.kind == "name":
            return self._named(self._take())
        raise BadFilter(f"A name, a text, a number or ( was expected{self._instead()}.", token.at)

    def _parts(self, end: str, where: str, *, is_list: bool = False) -> tuple[Node, ...]:
        """Parts with commas between, up to the sign that ends them; a list may have one more comma there."""
        parts: list[Node] = []
        while not (self._is(end) and (is_list or not parts)):
            parts.append(self._any())
            if not self._is(","):
                break
            self._take()
        self._expect(end, where)
        return tuple(parts)

    def _named(self, token: Token) -> Node:
        """A constant, a name, or a function with its parts."""
        name = token.source
        if name in CONSTANTS:
            return Constant(token.at, CONSTANTS[name])
        if name in RESERVED:
            raise BadFilter(f"{name} is a word of the language; a field is written as value.{name}.", token.at)
        if not self._is("("):
            return Name(token.at, name)
        self._take()
        parts = self._parts(")", f"at the end of what {name} is given")
        if name == "has":
            return _has(token, parts)
        if name not in FUNCTIONS:
            raise BadFilter(_no_function(name), token.at)
        return _call(token, parts, FUNCTIONS[name])

    def _members(self, node: Node) -> Node:
        """What follows with a dot or in brackets."""
        while True:
            if self._is("["):
                at = self._take().at
                index = self._any()
                self._expect("]", "behind the index")
                if isinstance(index, Constant) and isinstance(index.value, str):
                    node = Field(at, node, index.value)
                else:
                    node = Index(at, node, index)
            elif self._is("."):
                self._take()
                node = self._member(node)
            else:
                return node

    def _member(self, node: Node) -> Node:
        token = self._token
        if token.kind != "name" or token.source in RESERVED[:4]:
            hint = f'; such a name is written ["{token.source}"]' if token.kind == "name" else ""
            raise BadFilter(f"A name was expected behind the dot{self._instead()}{hint}.", token.at)
        self._take()
        name = token.source
        if not self._is("("):
            return Field(token.at, node, name)
        self._take()
        parts = self._parts(")", f"at the end of what {name} is given")
        if name in LOOP_KINDS:
            return _loop(token, node, parts)
        if name not in METHODS:
            raise BadFilter(_no_function(name), token.at)
        return _call(token, (node, *parts), METHODS[name])


def _flat(node: Node, sign: str) -> tuple[Node, ...]:
    """What a condition joins with that sign; itself, where it joins nothing."""
    return node.parts if isinstance(node, Joined) and node.sign == sign else (node,)


def _has(token: Token, parts: tuple[Node, ...]) -> Node:
    if len(parts) != 1 or not isinstance(parts[0], Field):
        raise BadFilter("has takes one field, as in has(value.name).", token.at)
    return Has(token.at, parts[0].of, parts[0].name)


def _call(token: Token, parts: tuple[Node, ...], wanted: int) -> Node:
    if len(parts) != wanted:
        example = EXAMPLES[token.source]
        raise BadFilter(f"{token.source} is written as in {example}.", token.at)
    return Call(token.at, token.source, parts)


EXAMPLES = {
    "size": "size(value.items)", "int": "int(value.count) > 3", "double": "double(value.price)",
    "string": "string(value.id)", "timestamp": 'timestamp("2026-01-31T12:00:00Z")', "duration": 'duration("90s")',
    "matches": 'value.name.matches("^A")', "text": 'text("two words")', "startsWith": 'key.startsWith("A")',
    "endsWith": 'key.endsWith("A")', "contains": 'value.name.contains("A")', "lowerAscii": "value.name.lowerAscii()",
    "exists": "value.items.exists(item, item.price > 5)", "all": "value.items.all(item, item.price > 5)",
    "exists_one": "value.items.exists_one(item, item.price > 5)", "existsOne": "value.items.existsOne(item, item > 5)",
    "filter": "value.items.filter(item, item.price > 5)", "map": "value.items.map(item, item.price)",
}  # fmt: skip


def _no_function(name: str) -> str:
    known = {each.lower(): each for each in (*FUNCTIONS, *METHODS, *LOOP_KINDS, "has")}
    if name.lower() in known:
        return f"There is no function {name}; {known[name.lower()]} is meant?"
    return f"There is no function {name}. There are {', '.join(sorted(set(known.values()) - {'existsOne'}))}."


def _loop(token: Token, over: Node, parts: tuple[Node, ...]) -> Node:
    kind = LOOP_KINDS[token.source]
    if len(parts) not in ((2, 3) if kind == "map" else (2,)):
        raise BadFilter(f"{token.source} is written as in {EXAMPLES[token.source]}.", token.at)
    variable = parts[0]
    if not isinstance(variable, Name):
        raise BadFilter(f"{token.source} begins with a name for each of them: {EXAMPLES[token.source]}.", variable.at)
    if kind != "map":
        return Loop(token.at, kind, over, variable.name, parts[1], None)
    return Loop(token.at, kind, over, variable.name, parts[1] if len(parts) == 3 else None, parts[-1])
