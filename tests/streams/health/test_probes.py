"""Alive, ready, measured: what the web and the bridge answer, and to whom."""

from __future__ import annotations

import asyncio
from unittest import mock

import httpx
from django.test import AsyncClient, Client, TransactionTestCase, override_settings

from streams.decoding import registry
from streams.health import neighbours
from streams.health.neighbours import KafkaCheck, State, check_link, check_redis, check_registry
from streams.health.probes import bridge_app
from streams.processes import web
from tests.support.waiting import until


@mock.patch.object(neighbours, "CHECK_S", 60.0)
class WebHealthTests(TransactionTestCase):
    async def test_healthz_says_that_the_process_lives(self) -> None:
        answer = await AsyncClient().get("/healthz")
        assert (answer.status_code, answer.content) == (200, b"ok\n")

    async def test_readyz_has_a_line_each_and_the_web_is_ready_without_kafka(self) -> None:
        answer = await AsyncClient().get("/readyz")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        lines = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
        assert list(lines) == ["database", "kafka", "redis", "registry", "tasks"]
        assert lines["database"] == "ok"
        assert lines["kafka"] == "not started yet"
        assert lines["redis"] == "not used"
        assert lines["tasks"] == "none yet"

    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:1"])
    async def test_readyz_says_that_kafka_is_down_only_once_somebody_looked(self) -> None:
        live_side = web.start()
        try:
            assert (await check_link()).words == "connecting"
            await until(lambda: not live_side.is_connecting(), "the first look has failed")
            assert b"kafka: down since 20" in (await AsyncClient().get("/readyz")).content
        finally:
            await web.stop()

    @override_settings(REDIS_URL="redis://127.0.0.1:1/0")
    async def test_readyz_says_that_redis_is_down(self) -> None:
        answer = await AsyncClient().get("/readyz")
        assert "redis: down" in answer.content.decode()

    async def test_however_many_ask_redis_is_asked_once(self) -> None:
        """Anybody may ask; each question would be a connection, and an open file."""
        asked: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda reader, writer: asked.append(writer), "127.0.0.1", 0)
        address = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        with override_settings(REDIS_URL=address):
            asking = [asyncio.create_task(check_redis()) for _ in range(50)]
            await until(lambda: asked, "Redis is asked")
            asking[0].cancel()  # who leaves takes nothing from the others
            server.close()
            for writer in asked:
                writer.transport.abort()
            states = await asyncio.gather(*asking[1:])
        assert len(asked) == 1
        assert set(states) == {State(False, "down")}

    async def test_however_many_ask_the_registry_is_asked_once(self) -> None:
        """It is asked for schemas, too, a few at a time: records would wait behind all who want to know."""
        asked: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda reader, writer: asked.append(writer), "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with override_settings(SCHEMA_REGISTRY_URL=address):
            asking = [asyncio.create_task(check_registry()) for _ in range(50)]
            await until(lambda: asked, "the registry is asked")
            asking[0].cancel()
            server.close()
            for writer in asked:
                writer.transport.abort()
            states = await asyncio.gather(*asking[1:])
            await registry.close()
        assert len(asked) == 1
        assert {state.words.partition(" since")[0] for state in states} == {"down"}

    def test_metrics_are_for_loopback_only(self) -> None:
        answers = {"127.0.0.1": 200, "::1": 200, "10.1.2.3": 403, "192.0.2.7": 403, "2001:db8::1": 403, "": 403}
        for address, status in answers.items():
            answer = Client(REMOTE_ADDR=address).get("/metrics")
            assert answer.status_code == status, address
            assert (b"streamboard_relay_published_total" in answer.content) == (status == 200), address

    async def test_a_proxy_on_the_same_machine_is_not_loopback(self) -> None:
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            answer = await AsyncClient().get("/metrics", headers={header: "127.0.0.1"})
            assert answer.status_code == 403, header
            assert b"METRICS_TOKEN" in answer.content

    @override_settings(METRICS_TOKEN="open sesame")
    async def test_with_a_token_set_it_is_asked_of_everybody(self) -> None:
        for given, status in {"": 401, "Bearer wrong": 401, "open sesame": 401, "Bearer open sesame": 200}.items():
            answer = await AsyncClient().get(
                "/metrics", headers={"Authorization": given, "X-Forwarded-For": "10.1.2.3"}
            )
            assert answer.status_code == status, given
        answer = await AsyncClient().get("/metrics", headers={"Authorization": "Bearer wröng"})
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"


class Kafka(KafkaCheck):
    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    async def __call__(self) -> State:
        return self.state


@mock.patch.object(neighbours, "CHECK_S", 60.0)
class BridgeHealthTests(TransactionTestCase):
    async def get(self, path: str, state: State, peer: str = "127.0.0.1", **headers: str) -> httpx.Response:
        kafka = Kafka(state)
        transport = httpx.ASGITransport(app=bridge_app(kafka), client=(peer, 1234))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return await client.get(path, headers=headers)
        finally:
            await kafka.close()

    async def test_it_is_ready_with_database_and_kafka(self) -> None:
        answer = await self.get("/readyz", State(True, "live"))
        assert answer.status_code == 200
        assert answer.text == "database: ok\nkafka: live\nredis: not used\nregistry: not used\ntasks: none yet\n"

    async def test_it_is_not_ready_without_kafka(self) -> None:
        answer = await self.get("/readyz", State(False, "down since 2026-01-02T03:04:05Z"))
        assert answer.status_code == 503
        assert "kafka: down since 2026-01-02T03:04:05Z\n" in answer.text

    async def test_it_is_alive_in_any_case(self) -> None:
        assert (await self.get("/healthz", State(False, "down"))).text == "ok\n"

    async def test_its_metrics_are_guarded_as_the_webs(self) -> None:
        live = State(True, "live")
        assert (await self.get("/metrics", live)).status_code == 200
        assert (await self.get("/metrics", live, peer="10.0.0.8")).status_code == 403
        with self.settings(METRICS_TOKEN="t"):
            assert (await self.get("/metrics", live)).status_code == 401
            assert (await self.get("/metrics", live, peer="10.0.0.8", Authorization="Bearer t")).status_code == 200

    async def test_there_is_nothing_else(self) -> None:
        assert (await self.get("/", State(True, "live"))).status_code == 404

    @override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:1"])
    async def test_the_check_knows_since_when_kafka_is_away(self) -> None:
        check = KafkaCheck()
        try:
            first, second = await check(), await check()
        finally:
            await check.close()
        assert not first.ok
        assert first.words.startswith("down since 20")
        assert first.words.endswith("Z")
        assert second == first

    async def test_however_many_ask_kafka_is_asked_once(self) -> None:
        check = KafkaCheck()
        asked, answer = 0, asyncio.Event()

        async def topics(_: object) -> None:
            nonlocal asked
            asked += 1
            await answer.wait()

        with mock.patch.object(check._catalog, "topics", topics):
            asking = [asyncio.create_task(check()) for _ in range(50)]
            await until(lambda: asked, "Kafka is asked")
            answer.set()
            assert set(await asyncio.gather(*asking)) == {State(True, "live")}
        await check.close()
        assert asked == 1
