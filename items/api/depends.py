"""Operations of the API declare what they need as typed parameters: `async def change_item(user: SignedIn, …)`.

Such a type is `Annotated[T, Need(provider)]`. A provider is an async function that is called with the request and with
what its own parameters ask for: parts of the address, headers, or needs again. Those parameters become the operation's,
so ninja reads, checks and documents them. A test puts another provider in its place with `replaced`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, get_args

from django.http import HttpRequest

Provider = Callable[..., Awaitable[Any]]

_replacements: dict[Provider, Provider] = {}


@dataclass(frozen=True, slots=True)
class Need:
    """In `Annotated[T, Need(provider)]`: what `provider` returns, a T; what it raises is the operation's answer."""

    provider: Provider


@contextmanager
def replaced(provider: Provider, replacement: Provider) -> Iterator[None]:
    """Inside the block operations get what `replacement` returns; it is called as `provider` would have been."""
    _replacements[provider] = replacement
    try:
        yield
    finally:
        del _replacements[provider]


def declared(operation: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The operation as ninja calls it: with the request and the parameters that it and its needs have together."""

    @wraps(operation)
    async def called(request: HttpRequest, **given: Any) -> Any:
        return await operation(**await _arguments(operation, request, given))

    shown = {"request": inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)} | _asked(operation)
    called.__signature__ = inspect.Signature(list(shown.values()))  # type: ignore[attr-defined]
    return called


@cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """All but the request."""
    found = dict(inspect.signature(function, eval_str=True).parameters)
    found.pop("request", None)
    return found


def _need(parameter: inspect.Parameter) -> Need | None:
    return next((part for part in get_args(parameter.annotation) if isinstance(part, Need)), None)


def _asked(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that come from the caller, those of the needs first."""
    asked: dict[str, inspect.Parameter] = {}
    for name, parameter in _parameters(function).items():
        need = _need(parameter)
        if need is not None:
            asked |= _asked(need.provider)
        else:
            asked[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return asked


async def _arguments(function: Callable[..., Any], request: HttpRequest, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `function` is called with, besides the request."""
    arguments = {}
    for name, parameter in _parameters(function).items():
        need = _need(parameter)
        if need is None:
            arguments[name] = given[name]
            continue
        provide = _replacements.get(need.provider, need.provider)
        arguments[name] = await provide(request, **await _arguments(need.provider, request, given))
    return arguments
