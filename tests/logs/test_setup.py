"""`configure_logging`: each line once, whatever the application does with its own logging."""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch import RequestLog, flush
from midwatch.logs import DeliveryHandler, JsonFormatter, configure_logging
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi

SERVICE = Service("shop")


@pytest.fixture
def root() -> Iterator[Callable[[], logging.Logger]]:
    """Gives a root logger without handlers, as that of an application that has set up none; pytest's own come back."""
    root = logging.getLogger()
    before = root.handlers[:]

    def alone() -> logging.Logger:
        root.handlers.clear()
        return root

    yield alone
    root.handlers[:] = before


@pytest.fixture
def to(tmp_path: Path) -> str:
    return f"file://{tmp_path}/lines"


def served() -> None:
    """One request, whose handler logs one line."""
    from midwatch import ASGIMiddleware

    app = ScriptedApp(before=lambda: logging.getLogger("app").warning("from the app"))
    call_asgi(ASGIMiddleware(app.asgi, RequestLog(service=SERVICE)))
    assert flush()


def written(to: str) -> list[str]:
    return Path(to.removeprefix("file://")).read_text().splitlines()


@pytest.mark.parametrize(
    ("roots", "propagate", "times"), list(itertools.product([None, True, False], [True, False], [1, 2]))
)
def test_no_line_is_ever_doubled(
    root: Callable[[], logging.Logger], to: str, roots: Any, propagate: bool, times: int
) -> None:
    """With no handlers but ours: each line once, and those of the application where the root logger is ours."""
    root()
    for _ in range(times):
        configure_logging(to=[to], service=SERVICE, root=roots, propagate=propagate)
    served()
    lines = written(to)
    assert sum('"midwatch.request"' in line for line in lines) == 1
    assert sum('"from the app"' in line for line in lines) == (0 if roots is False else 1)


@pytest.mark.parametrize(
    ("roots", "propagate", "times"), list(itertools.product([None, True, False], [True, False], [1, 2]))
)
def test_beside_the_handlers_of_the_application(
    root: Callable[[], logging.Logger], to: str, roots: Any, propagate: bool, times: int
) -> None:
    """They see each line once, unless the settings keep ours to itself."""
    stream = io.StringIO()
    root().addHandler(logging.StreamHandler(stream))
    for _ in range(times):
        configure_logging(to=[to], service=SERVICE, root=roots, propagate=propagate)
    served()
    lines = written(to)
    assert sum('"midwatch.request"' in line for line in lines) == 1
    assert sum('"from the app"' in line for line in lines) == (1 if roots else 0)
    assert stream.getvalue().splitlines().count("GET / 200") == (1 if propagate else 0)
    assert stream.getvalue().splitlines().count("from the app") == 1


def test_a_destination_that_is_named_twice_gets_a_line_once(root: Callable[[], logging.Logger], to: str) -> None:
    root()
    configure_logging(to=[to, to], service=SERVICE)
    served()
    assert sum('"midwatch.request"' in line for line in written(to)) == 1


def test_several_destinations(root: Callable[[], logging.Logger], tmp_path: Path) -> None:
    """Each gets every line."""
    root()
    to = [f"file://{tmp_path}/{name}" for name in "ab"]
    configure_logging(to=to, service=SERVICE)
    served()
    assert [len(written(one)) for one in to] == [2, 2]


def test_a_second_call_replaces_the_first(root: Callable[[], logging.Logger], tmp_path: Path) -> None:
    root()
    first, second = (f"file://{tmp_path}/{name}" for name in "ab")
    configure_logging(to=[first], service=SERVICE)
    configure_logging(to=[second], service=SERVICE)
    served()
    assert (len(written(first)), len(written(second))) == (0, 2)


def test_one_that_fails_changes_nothing(root: Callable[[], logging.Logger], to: str) -> None:
    """A destination that cannot be opened stops the start; what was set up before still works."""
    root()
    configure_logging(to=[to], service=SERVICE)
    with pytest.raises(ValueError, match="not a destination"):
        configure_logging(to=[to, "kafka://x"], service=SERVICE)
    served()
    assert len(written(to)) == 2


def test_the_level_of_the_root_logger(root: Callable[[], logging.Logger], to: str) -> None:
    """Where it is ours; the application's is left alone."""
    everything = root()
    configure_logging(to=[to], service=SERVICE, level="WARNING")
    assert everything.level == logging.WARNING
    logging.getLogger("app").info("quiet")
    everything.addHandler(logging.StreamHandler(io.StringIO()))
    configure_logging(to=[to], service=SERVICE, level="DEBUG")
    assert everything.level == logging.WARNING
    served()
    assert not any("quiet" in line for line in written(to))


def test_a_level_that_the_application_chose_stays(root: Callable[[], logging.Logger], to: str) -> None:
    root()
    ours = logging.getLogger("midwatch")
    ours.setLevel(logging.ERROR)
    configure_logging(to=[to], service=SERVICE)
    assert ours.level == logging.ERROR
    served()
    assert not any('"midwatch.request"' in line for line in written(to))


def test_stdout_is_the_default(root: Callable[[], logging.Logger], capsys: pytest.CaptureFixture[str]) -> None:
    """The service is named as the environment does."""
    root()
    configure_logging()
    served()
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert '"service.name":"unknown_service"' in out[0]


# The handler itself


def handler() -> tuple[DeliveryHandler, list[Any]]:
    queued: list[Any] = []
    return DeliveryHandler(queued.append, JsonFormatter(SERVICE)), queued


def test_a_filter_of_the_handler_can_drop_a_line() -> None:
    one, queued = handler()
    one.addFilter(lambda record: record.msg != "drop")
    assert one.handle(logging.makeLogRecord({"msg": "keep"})) is True
    assert one.handle(logging.makeLogRecord({"msg": "drop"})) is False
    assert len(queued) == 1


def test_a_filter_may_put_another_record_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from Python 3.12 on, where it is how secrets are taken out."""
    one, queued = handler()
    masked = logging.makeLogRecord({"msg": "masked"})
    one.addFilter(lambda record: True)
    monkeypatch.setattr(one, "filter", lambda record: masked)
    one.handle(logging.makeLogRecord({"msg": "secret"}))
    assert "masked" in queued[0]
    assert "secret" not in queued[0]


def test_it_survives_the_end_of_standard_logging() -> None:
    """`logging.shutdown`, `dictConfig` and server starts close, flush and lock handlers."""
    one, queued = handler()
    one.acquire()
    one.release()
    one.flush()
    one.close()
    one.handle(logging.makeLogRecord({"msg": "after"}))
    assert len(queued) == 1


def test_a_shipper_does_not_ship_what_it_says_of_itself(
    root: Callable[[], logging.Logger], capfd: pytest.CaptureFixture[str]
) -> None:
    """A network that fails is told of elsewhere: on stderr, where there is no other destination."""
    root()
    configure_logging(to=["syslog+udp://127.0.0.1:9"], root=True)
    logging.getLogger("midwatch.delivery").warning("the destination fails")
    assert flush()
    assert capfd.readouterr().err.count("the destination fails") == 1
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, DeliveryHandler)]
    assert [handler._entries for handler in handlers] == [True]
