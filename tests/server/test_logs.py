import asyncio
import io
import json
import logging

import pytest

from server import logs


@pytest.fixture
def written(own_logging: None) -> io.StringIO:
    """Send the logs of the process to a string."""
    stream = io.StringIO()
    logs.configure("info", stream)
    return stream


async def test_every_line_carries_its_sessions_id(written: io.StringIO) -> None:
    async def session(name: str) -> None:
        logs.bind_session(name)
        logging.getLogger("x").info("hello %s", name, extra={"hop": 3})

    await asyncio.gather(asyncio.create_task(session("a")), asyncio.create_task(session("b")))
    logging.getLogger("x").warning("outside")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(e["message"], e.get("session"), e.get("hop")) for e in lines] == [
        ("hello a", "a", 3),
        ("hello b", "b", 3),
        ("outside", None, None),
    ]
    assert {e["logger"] for e in lines} == {"x"}
    assert lines[2]["level"] == "warning"


def test_exceptions_stay_on_their_line(written: io.StringIO) -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = written.getvalue().splitlines()
    assert "ValueError: broken\nin two" in json.loads(line)["exception"]


def test_below_the_level_nothing_is_written(written: io.StringIO) -> None:
    logging.getLogger("x").debug("noise")
    logging.getLogger("aioice.ice").info("candidate pair")
    assert written.getvalue() == ""
