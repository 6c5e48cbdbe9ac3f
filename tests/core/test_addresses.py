"""Addresses that say TLS are encrypted and their servers verified, on real servers; others are refused in words."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kombu.exceptions
import pytest
from sqlalchemy import text

from core.addresses import broker_tls, check_database, rates_tls
from core.engines import make_engine
from core.errors import DatabaseBusy, InputError
from core.remote import open_store
from core.settings import Settings, get_settings
from pipeline.celery_app import PATIENCE, make_app
from review_ui import rates
from tests.kit.certificates import ServerCertificate, server_certificate
from tests.servers.postgres import Postgres
from tests.servers.processes import answers, free_port, program, server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return server_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    """Of another authority, and for another machine."""
    return server_certificate(tmp_path_factory.mktemp("another"), address="192.0.2.1")


@pytest.fixture(scope="module")
def redis_port(certificate: ServerCertificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis that speaks TLS alone."""
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [
        program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port),
        "--tls-cert-file", str(certificate.chain), "--tls-key-file", str(certificate.key), "--tls-auth-clients", "no",
        "--save", "", "--dir", str(folder),
    ]  # fmt: skip
    with server(command, lambda: answers(port), log=folder / "log"):
        yield port


@contextmanager
def settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> Iterator[Settings]:
    with monkeypatch.context() as patch:
        for name, value in given.items():
            patch.setenv(f"GREENROOM_{name.upper()}", value)
        get_settings.cache_clear()
        rates.forget_all()
        yield get_settings()
    get_settings.cache_clear()
    rates.forget_all()


def reached() -> None:
    """That the broker of the settings can be reached; raises what kombu does."""
    with make_app().connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=PATIENCE)
        connection.default_channel.queue_declare("cpu", passive=False)


def test_a_broker_is_verified_against_the_authority_that_is_named(
    home: Path, redis_port: int, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"rediss://127.0.0.1:{redis_port}/0"
    with settings(monkeypatch, broker_url=url, tls_ca=str(certificate.authority)):
        reached()
        assert make_app().conf.broker_transport_options["socket_timeout"] == 3 * PATIENCE


def test_a_broker_of_another_authority_or_one_that_the_system_does_not_know_is_not_spoken_to(
    home: Path, redis_port: int, another: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"rediss://127.0.0.1:{redis_port}/0"
    for authority in (str(another.authority), ""):
        with (
            settings(monkeypatch, broker_url=url, tls_ca=authority),
            pytest.raises(kombu.exceptions.OperationalError, match=r"(?i)certificate.verify"),
        ):
            reached()


def test_a_plain_address_is_not_taken_for_an_encrypted_server(
    home: Path, redis_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        settings(monkeypatch, broker_url=f"redis://127.0.0.1:{redis_port}/0"),
        pytest.raises(kombu.exceptions.OperationalError),
    ):
        reached()


def test_rates_are_counted_over_tls_and_by_nobody_who_cannot_show_who_it_is(
    home: Path,
    redis_port: int,
    certificate: ServerCertificate,
    another: ServerCertificate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = f"rediss://127.0.0.1:{redis_port}/1"
    with settings(monkeypatch, rates_url=url, tls_ca=str(certificate.authority)):
        rates.try_once("192.0.2.1", "ann@brand.example")
        assert not caplog.records
    with settings(monkeypatch, rates_url=url, tls_ca=str(another.authority)):
        rates.try_once("192.0.2.1", "ann@brand.example")
        assert "by each process alone" in caplog.text


@contextmanager
def door(certificate: ServerCertificate, hands: list[str]) -> Iterator[int]:
    """A server of which only the TLS is looked at: ``hands`` says how each greeting ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(10)

    def serve() -> None:
        try:
            while True:
                plain, _ = listening.accept()
                try:
                    with context.wrap_socket(plain, server_side=True) as encrypted:
                        encrypted.settimeout(5)
                        hands.append("spoken to" if encrypted.recv(4) else "hung up")
                except OSError:
                    hands.append("refused")
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(15)


@pytest.mark.parametrize(("right", "said"), [(True, "spoken to"), (False, "refused")])
def test_rabbitmq_over_tls_is_verified_too(
    home: Path,
    certificate: ServerCertificate,
    another: ServerCertificate,
    monkeypatch: pytest.MonkeyPatch,
    right: bool,
    said: str,
) -> None:
    hands: list[str] = []
    known = certificate if right else another
    with (
        door(certificate, hands) as port,
        settings(monkeypatch, broker_url=f"amqps://127.0.0.1:{port}//", tls_ca=str(known.authority)),
        pytest.raises(Exception),  # noqa: B017 - nobody behind the door speaks AMQP
    ):
        reached()
    assert set(hands) <= {said, "hung up"} and said in hands


@pytest.fixture
def encrypted(postgres: Postgres, certificate: ServerCertificate) -> Iterator[Postgres]:
    """The server of the tests, which speaks TLS for a while."""
    for name, file in (("server.crt", certificate.chain), ("server.key", certificate.key)):
        shutil.copy(file, postgres.data / name)
        shutil.chown(postgres.data / name, postgres.user)
        (postgres.data / name).chmod(0o600)
    postgres.administer("ALTER SYSTEM SET ssl = on")
    postgres.administer("SELECT pg_reload_conf()")
    yield postgres
    postgres.administer("ALTER SYSTEM RESET ssl")
    postgres.administer("SELECT pg_reload_conf()")


def spoken(url: str) -> bool:
    """Whether the connection that an engine makes is encrypted."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            query = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            return bool(connection.execute(query).scalar_one())
    finally:
        engine.dispose()


def test_postgresqls_own_words_for_tls_count(
    encrypted: Postgres, certificate: ServerCertificate, another: ServerCertificate
) -> None:
    url = encrypted.url("postgres", "greenroom_root")
    assert spoken(f"{url}?sslmode=verify-full&sslrootcert={certificate.authority}")
    assert not spoken(f"{url}?sslmode=disable")
    with pytest.raises(DatabaseBusy):
        spoken(f"{url}?sslmode=verify-full&sslrootcert={another.authority}")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://greenroom@db.example/greenroom",
        "db.example/greenroom",
        "postgresql://greenroom@db.example/greenroom?sslmode=full",
        "postgresql://greenroom@db.example/greenroom?ssl=true",
        "postgresql://greenroom@db.example:port/greenroom",
    ],
)
def test_what_is_no_address_of_a_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(InputError) as told:
        make_engine(url)
    assert told.value.where == "GREENROOM_DATABASE_URL" and told.value.next_step
    assert "db.example" not in told.value.what, "there may be a password in it"


@pytest.mark.parametrize(
    "url", ["postgres://a@b/c", "postgresql+psycopg://a@b/c?sslmode=require", "sqlite:////tmp/x"]
)
def test_what_people_write_for_a_database_is_understood(url: str) -> None:
    check_database(url)


@pytest.mark.parametrize(
    "url", ["http://redis.example", "redis.example:6379", "sqs://", "rediss://r.example?ssl_cert_reqs=none",
            "amqps://r.example//?ssl_cert_reqs=CERT_NONE", "redis://r.example:x"]
)  # fmt: skip
def test_what_is_no_address_of_a_broker_is_refused_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with settings(monkeypatch, broker_url=url) as given, pytest.raises(InputError) as told:
        broker_tls(given)
    assert told.value.where == "GREENROOM_BROKER_URL" and told.value.next_step
    assert "example" not in told.value.what


def test_a_broker_of_rabbitmqs_kind_counts_no_rates_and_a_file_that_is_not_there_verifies_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        settings(monkeypatch, rates_url="amqps://r.example") as given,
        pytest.raises(InputError, match="no kind"),
    ):
        rates_tls(given)
    with (
        settings(monkeypatch, rates_url="rediss://r.example", tls_ca="/nowhere.pem") as given,
        pytest.raises(InputError, match="no such file"),
    ):
        rates_tls(given)


def test_a_store_of_another_kind_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="no kind"):
        open_store("ftp://files.example/greenroom", silence=1, retries=0)
