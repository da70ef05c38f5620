"""Operations of the API declare what they need as typed parameters: `def change_item(user: SignedIn, …)`.

Such a type is `Annotated[T, Need(provider)]`. A provider is a function that is called with the request and with what
its own parameters ask for: parts of the address, headers, or needs again. Those parameters become the operation's, so
ninja reads, checks and documents them. A test puts another provider in its place with `replaced`.

Signing in, the needs in the order in which they are declared, the body, and the operation are one hop into a thread:
whoever may not do it is refused before the body is looked at. This is the one place that a request to the items API
passes between the event loop and the database.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Annotated, Any, get_args

from django.http import HttpRequest
from ninja.operation import Operation
from ninja.params.models import BodyModel, HeaderModel, ParamModel
from ninja.utils import contribute_operation_callback
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from items import services
from items.api import bodies
from items.api.together import Call, answer_alone, answer_together
from items.services import turns

Provider = Callable[..., Any]
Called = Callable[..., Awaitable[Any]]
Hop = Callable[[HttpRequest, Mapping[str, Any], Callable[[], Any]], Awaitable[Any]]

_replacements: dict[Provider, Provider] = {}


@dataclass(frozen=True, slots=True)
class Need:
    """In `Annotated[T, Need(provider)]`: what `provider` returns, a T; what it raises is the operation's answer."""

    provider: Provider


class Unread:
    """In `Annotated[Model, Unread()]`: described as the model, and handed over as it came."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_as_it_came, handler(source))


def _as_it_came(value: object, _: object) -> object:
    return value


@contextmanager
def replaced(provider: Provider, replacement: Provider) -> Iterator[None]:
    """Inside the block operations get what `replacement` returns; it is called as `provider` would have been."""
    _replacements[provider] = replacement
    try:
        yield
    finally:
        del _replacements[provider]


def reading(operation: Callable[..., Any]) -> Called:
    """The operation as ninja calls it: with the request and the parameters that it and its needs have together."""
    return _declared(operation, _reading)


def writing_one(operation: Callable[..., Any]) -> Called:
    """The same for one that writes, in its turn (items/services/turns.py)."""
    return _declared(operation, _writing)


def writing_together(operation: Callable[..., Any]) -> Called:
    """The same for one that says what it is going to write (`Writing`), which is written together with what others
    write at the same time (items/api/together.py)."""
    return _declared(operation, _writing_together)


def reading_much(operation: Callable[..., Any]) -> Called:
    """The same for one that may take seconds, in the turn of who is signed in."""
    return _declared(operation, _reading_much)


async def _reading(request: HttpRequest, _: Mapping[str, Any], work: Callable[[], Any]) -> Any:
    return await turns.read(_signed_in_first, request, work)


async def _writing(request: HttpRequest, _: Mapping[str, Any], work: Callable[[], Any]) -> Any:
    return await turns.write(_signed_in_first, request, work)


async def _writing_together(request: HttpRequest, given: Mapping[str, Any], work: Callable[[], Any]) -> Any:
    call = Call(request, given, partial(_signed_in_first, request, work))
    try:
        return await turns.write_together(answer_together, call, len(request.body))
    except services.Alone:
        request.auth.forget()  # type: ignore[attr-defined]  # it may be a while until it is their turn
        request.__dict__.pop("who_calls", None)
        return await turns.write(answer_alone, call)


async def _reading_much(request: HttpRequest, _: Mapping[str, Any], work: Callable[[], Any]) -> Any:
    user = await turns.read(signed_in, request)
    return await turns.read_heavy(user.pk, work)


def _signed_in_first(request: HttpRequest, work: Callable[[], Any]) -> Any:
    signed_in(request)
    return work()


def signed_in(request: HttpRequest) -> Any:
    """Who calls. project/api/auth.py put into the request how to find that out. Asks the database, once a request."""
    if not hasattr(request, "who_calls"):
        request.who_calls = request.auth()  # type: ignore[attr-defined]
    return request.who_calls  # type: ignore[attr-defined]


def _declared(operation: Callable[..., Any], hop: Hop) -> Called:
    @wraps(operation)
    async def called(request: HttpRequest, **given: Any) -> Any:
        return await hop(request, given, partial(_done, operation, request, given))

    shown = {"request": inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)} | _asked(operation)
    called.__signature__ = inspect.Signature(list(shown.values()))  # type: ignore[attr-defined]
    contribute_operation_callback(called, _read_quickly)
    return called


# What ninja reads of a request, without a map of all its headers for one that was not sent, and without a model around
# a body that is handed over as it came: together they were a tenth of a request in the event loop.


def _read_quickly(operation: Operation) -> None:
    for model in operation.models:
        if issubclass(model, HeaderModel):
            _miss_quickly(model)
        elif issubclass(model, BodyModel):
            _hand_over(model)


def _miss_quickly(model: type[HeaderModel]) -> None:
    """Headers none of which is there are what they are by default, if they may be missing at all."""
    names = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in model.__ninja_flatten_map__)
    try:
        nothing = dict(model.model_validate({}))
    except ValidationError:
        return
    generally = model.resolve

    def resolve(request: HttpRequest, api: Any, path_params: Any) -> Any:
        sent = [name for name in names if name in request.META]
        return generally(request, api, path_params) if sent else nothing

    _resolve_by(model, resolve)


def _hand_over(model: type[BodyModel]) -> None:
    """A body alone that is Unread. One that is empty is missed by ninja."""
    name = model.__read_from_single_attr__
    if not name or not any(isinstance(part, Unread) for part in model.model_fields[name].metadata):
        return
    generally = model.resolve

    def resolve(request: HttpRequest, api: Any, path_params: Any) -> Any:
        body = request.body
        return {name: body} if body else generally(request, api, path_params)

    _resolve_by(model, resolve)


def _resolve_by(model: type[ParamModel], resolve: Callable[[HttpRequest, Any, Any], Any]) -> None:
    model.resolve = resolve  # type: ignore[assignment, method-assign]  # ninja makes the class for this operation alone


def _done(operation: Callable[..., Any], request: HttpRequest, given: Mapping[str, Any]) -> Any:
    return operation(**_arguments(operation, request, given, {}))


@cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """All but the request."""
    found = dict(inspect.signature(function, eval_str=True).parameters)
    found.pop("request", None)
    return found


@cache
def _asks(function: Callable[..., Any]) -> tuple[tuple[str, Need | None, Any], ...]:
    """name, what it needs, and the model of the body, of each parameter of `_parameters`."""
    found = _parameters(function).items()
    return tuple((name, _need(one), one.annotation if _is_body(one) else None) for name, one in found)


def _need(parameter: inspect.Parameter) -> Need | None:
    return next((part for part in get_args(parameter.annotation) if isinstance(part, Need)), None)


def _is_body(parameter: inspect.Parameter) -> bool:
    return inspect.isclass(parameter.annotation) and issubclass(parameter.annotation, BaseModel)


def _asked(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that come from the caller, those of the needs first."""
    asked: dict[str, inspect.Parameter] = {}
    for name, parameter in _parameters(function).items():
        need = _need(parameter)
        if need is not None:
            asked |= _asked(need.provider)
            continue
        asked[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        if _is_body(parameter):
            asked[name] = asked[name].replace(annotation=Annotated[parameter.annotation, Unread()])
    return asked


def _arguments(
    function: Callable[..., Any], request: HttpRequest, given: Mapping[str, Any], provided: dict[Provider, Any]
) -> dict[str, Any]:
    """What `function` is called with, besides the request. provided: what needs gave already, each once a request."""
    arguments = {}
    for name, need, body in _asks(function):
        if need is None:
            arguments[name] = given[name] if body is None else bodies.read(body, given[name])
            continue
        if need.provider not in provided:
            provide = _replacements.get(need.provider, need.provider)
            provided[need.provider] = provide(request, **_arguments(need.provider, request, given, provided))
        arguments[name] = provided[need.provider]
    return arguments
