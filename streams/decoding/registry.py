"""The schema registry (Confluent's API): asked once for each schema, remembered, and never waited for long.

A question is asked by one task, whoever waits for it. What the registry does not have is remembered for a minute; a
registry that does not answer as it should is left alone for some seconds. Nothing here raises: what cannot be had is a
sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import orjson
from django.conf import settings

from streams import metrics
from streams.decoding.exact import NotDecoded
from streams.decoding.protoc import Reference
from streams.decoding.schemas import Id, Kind, Schema, make

log = logging.getLogger(__name__)

WAIT_S = 3.0  # that a batch waits for its schemas, and for one answer
LEARN_S = 15.0  # for a schema with all that it names
AWAY_S = 5.0  # without a question after one that was not answered as it should be
REFUSED_S = 60.0  # that we remember what the registry does not have, or what cannot be used
SCHEMAS = 1000  # that we remember
SCHEMAS_BYTES = 64 * 1024 * 1024  # of their texts
BODY = 1024 * 1024  # bytes of an answer
REFERENCES = 100  # of one schema, with those of its own
AT_ONCE = 8  # questions under way
KINDS: dict[str, Kind] = {"AVRO": "avro", "PROTOBUF": "protobuf", "JSON": "json-schema"}

_compiling = ThreadPoolExecutor(1, thread_name_prefix="schemas")  # one at a time: protoc takes a tenth of a second


@dataclass(frozen=True, slots=True)
class Access:
    """Where the registry is, and as whom it is asked. Empty texts mean none."""

    url: str
    username: str = ""
    password: str = ""
    token: str = ""
    cafile: str = ""

    def client(self) -> httpx.AsyncClient:
        """A client that follows nobody elsewhere, and waits WAIT_S at most. Raises OSError for a bad CAFILE."""
        context = ssl.create_default_context(cafile=self.cafile or None) if self.url.startswith("https:") else False
        headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return httpx.AsyncClient(
            verify=context,
            auth=httpx.BasicAuth(self.username, self.password) if self.username else None,
            headers=headers,
            timeout=WAIT_S,
            trust_env=False,
            limits=httpx.Limits(max_connections=AT_ONCE),
        )


class _Missing(Exception):
    """The registry does not have it."""


class _Away(Exception):
    """It did not answer as it should; the text says how."""


class Registry:
    """One per process and event loop. `known` never waits; `learn` waits WAIT_S at most."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: httpx.AsyncClient | None = None
        self._schemas: OrderedDict[Id, Schema] = OrderedDict()
        self._bytes = 0
        self._refused: OrderedDict[Id, tuple[float, str]] = OrderedDict()
        self._asking: dict[Id, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._left_alone = 0.0  # until then (monotonic)
        self._away: tuple[datetime, str] | None = None

    def known(self, schema_id: Id) -> Schema | str | None:
        """The schema; or the sentence that says why there is none; None: ask for it with `learn`."""
        schema = self._schemas.get(schema_id)
        if schema is not None:
            return schema
        now = time.monotonic()
        refused = self._refused.get(schema_id)
        if refused is not None and now < refused[0]:
            return refused[1]
        if self._away is not None and now < self._left_alone:
            return self._say_away()
        return None

    def late(self, schema_id: Id) -> str:
        """The sentence for a schema that `known` does not tell even after `learn`."""
        return f"Schema {schema_id} was not known yet: the registry did not answer within {WAIT_S:g} s."

    async def learn(self, ids: Iterable[Id]) -> None:
        """Asks for schemas that are not known, and waits for the answers, WAIT_S at most. Raises nothing."""
        asking = [self._ask(each) for each in set(ids) if self.known(each) is None]
        if asking:
            await asyncio.wait(asking, timeout=WAIT_S)

    async def check(self) -> str | None:
        """Whether it answers: None, or since when it does not, in words. Asks it, and raises nothing."""
        with contextlib.suppress(_Missing):  # it answers, and that is what was asked
            try:
                await self._get("/schemas/types", kind=list)
            except _Away as error:
                return self._note_away(str(error))
        self._note_back()
        return None

    async def close(self) -> None:
        """Ends its questions and connections."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    # Asking -------------------------------------------------------------------------------------------------------

    def _ask(self, schema_id: Id) -> asyncio.Task[None]:
        task = self._asking.get(schema_id)
        if task is None:
            task = self._asking[schema_id] = asyncio.create_task(self._learn(schema_id), name=f"schema {schema_id}")
            task.add_done_callback(lambda _: self._asking.pop(schema_id, None))
        return task

    async def _learn(self, schema_id: Id) -> None:
        """Asks for one schema and remembers what came of it, whatever that is."""
        result = "failed"
        try:
            async with asyncio.timeout(LEARN_S):
                schema = await self._fetch(schema_id)
            self._remember(schema, schema_id)
            self._note_back()
            result = "ok"
        except _Missing as error:
            self._note_back()
            self._refuse(schema_id, str(error) or f"Schema {schema_id} is unknown to the registry.")
            result = "unknown"
        except NotDecoded as error:
            self._refuse(schema_id, f"Schema {schema_id} cannot be used. {error}")
            result = "unusable"
        except (_Away, TimeoutError) as error:
            self._note_away(str(error) or f"it does not answer within {LEARN_S:g} s")
            result = "away"
        except Exception:  # whatever it is: records must not wait for it again and again
            log.exception("Schema %s could not be asked for.", schema_id)
            self._refuse(schema_id, f"Schema {schema_id} could not be asked for; the log says more.")
        finally:
            metrics.REGISTRY_QUESTIONS.labels(result).inc()

    async def _fetch(self, schema_id: Id) -> Schema:
        answer = await self._get(
            f"/schemas/guids/{schema_id}" if isinstance(schema_id, UUID) else f"/schemas/ids/{schema_id}"
        )
        kind = KINDS.get(answer.get("schemaType") or "AVRO")
        if kind is None:
            raise NotDecoded("Its kind is none of Avro, Protobuf and JSON Schema.")
        text, references = _text(answer), dict[tuple[str, int], Reference]()
        await self._follow(answer, references, ())
        subjects = [] if isinstance(schema_id, UUID) else await self._subjects(schema_id)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_compiling, make, kind, text, list(references.values()), schema_id, subjects)

    async def _follow(
        self, answer: dict[str, Any], found: dict[tuple[str, int], Reference], within: tuple[tuple[str, int], ...]
    ) -> None:
        """Fetches what a schema names, and what that names, each before what names it."""
        for reference in answer.get("references") or ():
            try:
                name, at = str(reference["name"]), (str(reference["subject"]), int(reference["version"]))
            except (TypeError, KeyError, ValueError) as error:
                raise NotDecoded("It names another schema in a way that nobody can follow.") from error
            if at in within:
                raise NotDecoded(f"It refers to itself, by way of {at[0]} {at[1]}.")
            if at in found:
                continue
            if len(found) + len(within) >= REFERENCES:
                raise NotDecoded(f"It names over {REFERENCES} others.")
            try:
                inner = await self._get(f"/subjects/{quote(at[0], safe='')}/versions/{at[1]}")
            except _Missing as error:
                raise NotDecoded(f"It refers to {at[0]} {at[1]}, which the registry does not have.") from error
            await self._follow(inner, found, (*within, at))
            found[at] = name, _text(inner)

    async def _subjects(self, schema_id: int) -> list[tuple[str, int]]:
        """Under which subjects it is there. For people only: without an answer there are none."""
        try:
            answer = await self._get(f"/schemas/ids/{schema_id}/versions", kind=list)
            return [(str(each["subject"]), int(each["version"])) for each in answer[:SCHEMAS]]
        except (_Missing, _Away, NotDecoded, TypeError, KeyError, ValueError):
            return []

    async def _get(self, path: str, kind: type = dict) -> Any:
        """The answer's JSON, of that kind. Raises _Missing, _Away, or NotDecoded when it is too large."""
        try:
            async with self._turns, asyncio.timeout(WAIT_S):
                body = await self._read(path)
        except TimeoutError as error:
            raise _Away(f"it does not answer within {WAIT_S:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Away("it cannot be reached") from error
        except OSError as error:  # ssl.SSLError is one
            raise _Away("its certificates cannot be read: see SCHEMA_REGISTRY_CAFILE") from error
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise _Away("its answer is not JSON") from error
        if not isinstance(answer, kind):
            raise _Away("its answer is no schema")
        return answer

    async def _read(self, path: str) -> bytes:
        if self._client is None:
            self._client = self._access.client()
        body = bytearray()
        async with self._client.stream("GET", self._access.url.rstrip("/") + path) as response:
            if response.status_code == 404:
                raise _Missing
            if response.status_code in {401, 403}:
                raise _Away(f"it does not let us in ({response.status_code})")
            if response.status_code != 200:
                raise _Away(f"it answers {response.status_code}")
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY:
                    raise NotDecoded(f"Its text is larger than {BODY:,} bytes.")
        return bytes(body)

    # Remembering --------------------------------------------------------------------------------------------------

    def _remember(self, schema: Schema, schema_id: Id) -> None:
        self._refused.pop(schema_id, None)
        self._schemas[schema_id] = schema
        self._bytes += schema.size
        while len(self._schemas) > SCHEMAS or (self._bytes > SCHEMAS_BYTES and len(self._schemas) > 1):
            _, oldest = self._schemas.popitem(last=False)
            self._bytes -= oldest.size

    def _refuse(self, schema_id: Id, sentence: str) -> None:
        log.warning("A schema cannot be had: %s", sentence)
        self._refused[schema_id] = time.monotonic() + REFUSED_S, sentence
        while len(self._refused) > SCHEMAS:
            self._refused.popitem(last=False)

    def _note_away(self, how: str) -> str:
        if self._away is None:
            log.warning("The schema registry is away: %s.", how)
        self._away = (self._away[0] if self._away else datetime.now(UTC)), how
        self._left_alone = time.monotonic() + AWAY_S
        metrics.REGISTRY_AWAY.set(1)
        return f"down since {self._away[0].isoformat(timespec='seconds').replace('+00:00', 'Z')}"

    def _note_back(self) -> None:
        if self._away is not None:
            log.info("The schema registry is back.")
        self._away = None
        metrics.REGISTRY_AWAY.set(0)

    def _say_away(self) -> str:
        since, how = self._away or (datetime.now(UTC), "it does not answer")
        return f"The schema registry is away since {since:%H:%M:%S} UTC: {how}."


def _text(answer: dict[str, Any]) -> str:
    text = answer.get("schema")
    if not isinstance(text, str):
        raise _Away("its answer is no schema")
    return text


# The one of this process ------------------------------------------------------------------------------------------

_current: tuple[asyncio.AbstractEventLoop, Registry] | None = None


def is_set() -> bool:
    """Whether there is a registry at all."""
    return bool(settings.SCHEMA_REGISTRY_URL)


def current() -> Registry | None:
    """The registry of this process and event loop, made when it is first needed; None without SCHEMA_REGISTRY_URL."""
    global _current
    if not is_set():
        return None
    loop = asyncio.get_running_loop()
    if _current is None or _current[0] is not loop:
        access = Access(
            settings.SCHEMA_REGISTRY_URL,
            settings.SCHEMA_REGISTRY_USERNAME,
            settings.SCHEMA_REGISTRY_PASSWORD,
            settings.SCHEMA_REGISTRY_TOKEN,
            settings.SCHEMA_REGISTRY_CAFILE,
        )
        _current = loop, Registry(access)
    return _current[1]


async def close() -> None:
    """Ends what this event loop has of it."""
    global _current
    if _current is not None and _current[0] is asyncio.get_running_loop():
        _, registry = _current
        _current = None
        await registry.close()
