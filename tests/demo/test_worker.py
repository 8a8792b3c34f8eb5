"""The narration: what is published, in which order, and how it is paced and stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest

from gapless.demo.survey import Survey
from gapless.demo.worker import EVENTS, LOGS, STATS, Bounds, Worker
from gapless.errors import ConfigError

Plant = Callable[..., Path]

FILES = {
    "empty.py": "",
    "bad.py": "def (\n",
    "shop.py": """class Stock:
    def a(self): ...
    def b(self): return 1 if self else 2
def find(): ...
""",
}


class Stop(threading.Event):
    """Counts waits instead of waiting, and is set at one of them."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._at = at

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if self._at is not None and len(self.waits) >= self._at:
            self.set()
        return self.is_set()


class Hub:
    """Collects what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []

    def publish(self, channel: str, data: object) -> None:
        self.published.append((channel, data))

    def on(self, channel: str) -> list[Any]:
        return [data for name, data in self.published if name == channel]

    def events(self, *types: str) -> list[Any]:
        return [data for data in self.on(EVENTS) if data["type"] in types]


def ticking() -> Callable[[], datetime]:
    """A clock that moves a second whenever it is read."""

    def moments() -> Iterator[datetime]:
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        while True:
            yield moment
            moment += timedelta(seconds=1)

    source = moments()
    return lambda: next(source)


def run(path: Path, **options: Any) -> Hub:
    hub = Hub()
    Worker(path, hub.publish, **{"cycles": 1, "now": ticking(), **options}).run(Stop())
    return hub


def brief(channel: str, data: Any) -> str:
    if channel == LOGS:
        return f"{data['level']} {data['component']}: {data['event']}"
    if channel == STATS:
        return f"stats {data['files']} files, {data['documented']} documented, {data['errors']} errors"
    return f"event {data['type']} {data['data'].get('target') or ''}".strip()


def test_a_cycle_tells_the_whole_story_in_order(plant: Plant) -> None:
    hub = run(plant(FILES))
    assert [brief(channel, data) for channel, data in hub.published] == [
        "event cycle_starting",
        "info checkout: cycle 1: shop, 3 source files in the directory",
        "event error",
        "error source: cannot read bad.py: invalid syntax in line 1",
        "stats 1 files, 0 documented, 1 errors",
        "debug measure: empty.py: 0 lines, 0 classes, 0 functions",
        "stats 2 files, 0 documented, 1 errors",
        "debug measure: shop.py: 4 lines, 1 class, 1 function",
        "event analyzing shop",
        "event generating shop",
        "event documentation_committed shop",
        "info page: documented module shop",
        "stats 3 files, 1 documented, 1 errors",
        "event analyzing Stock",
        "event generating Stock",
        "event documentation_committed Stock",
        "info page: documented class Stock",
        "stats 3 files, 2 documented, 1 errors",
        "event analyzing find",
        "event generating find",
        "event documentation_committed find",
        "info page: documented function find",
        "stats 3 files, 3 documented, 1 errors",
        "info worker: cycle 1 done: 3 pages, 1 error",
    ]


def test_publications_have_their_shapes(plant: Plant) -> None:
    hub = run(plant(FILES))
    assert hub.events("cycle_starting") == [
        {
            "type": "cycle_starting",
            "timestamp": "2026-01-02T03:04:05.000Z",
            "data": {"cycle_num": 1, "repo": "shop", "files": 3},
        }
    ]
    [failure] = [data for data in hub.on(LOGS) if data["level"] == "error"]
    assert failure == {
        "event": "cannot read bad.py: invalid syntax in line 1",
        "timestamp": "2026-01-02T03:04:08.000Z",
        "level": "error",
        "component": "source",
        "file": "bad.py",
        "reason": "invalid syntax in line 1",
    }
    [error] = hub.events("error")
    assert error["data"] == {
        "message": failure["event"],
        "file": "bad.py",
        "reason": "invalid syntax in line 1",
    }
    place = {
        "target": "Stock",
        "doc_type": "class_doc",
        "repo": "shop",
        "language": "python",
        "file": "shop.py",
        "line": 1,
        "cycle_num": 1,
    }
    assert hub.events("analyzing")[1]["data"] == place
    assert hub.events("generating")[1]["data"] == place
    committed = hub.events("documentation_committed")[1]["data"]
    assert committed.pop("page").startswith("# Stock\n\n**Type:** Class Documentation\n")
    measured = {"qualified": "shop.Stock", "end_line": 3, "index": 2, "complexity": 3, "rank": "A"}
    assert committed == {**place, **measured}


def test_every_publication_is_of_the_shapes_that_are_promised(plant: Plant) -> None:
    hub = run(plant(FILES), cycles=2)
    for channel, data in hub.published:
        moment = datetime.fromisoformat(data["timestamp"])
        assert moment.utcoffset() == timedelta(0)
        if channel == LOGS:
            assert list(data)[:4] == ["event", "timestamp", "level", "component"]
            assert all(isinstance(data[name], str) and data[name] for name in list(data)[:4])
        elif channel == EVENTS:
            assert set(data) == {"type", "timestamp", "data"}
    assert {data["type"] for data in hub.on(EVENTS)} == {
        "cycle_starting",
        "analyzing",
        "generating",
        "documentation_committed",
        "next_cycle",
        "error",
    }


def test_totals_count_what_has_been_documented(plant: Plant) -> None:
    totals = run(plant(FILES)).on(STATS)[-1]
    del totals["timestamp"]
    assert totals == {
        "cycle": 1,
        "files": 3,
        "files_total": 3,
        "classes": 1,
        "functions": 3,
        "lines": 4,
        "mean_complexity": 1.33,
        "errors": 1,
        "documented": 3,
        "total_documented": 3,
        "by_repo": {"shop": 3},
        "by_language": {"python": 3},
        "by_doc_type": {"class_doc": 1, "function_doc": 1, "module_doc": 1},
        "by_rank": {"A": 3, "B": 0, "C": 0, "D": 0, "E": 0, "F": 0},
    }


def test_the_next_cycle_is_announced_and_begins_its_totals_anew(plant: Plant) -> None:
    hub = run(plant(FILES), cycles=2, pause=90.0, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    [coming] = hub.events("next_cycle")
    assert coming["data"] == {"cycle_num": 2, "in_seconds": 90.0, "time": "2026-01-01T00:01:30.000Z"}
    stats = hub.on(STATS)
    assert [each["documented"] for each in stats] == [0, 0, 1, 2, 3, 0, 0, 1, 2, 3]
    assert [each["total_documented"] for each in stats] == [0, 0, 1, 2, 3, 3, 3, 4, 5, 6]
    assert [each["cycle"] for each in stats] == [1] * 5 + [2] * 5


def test_the_same_checkout_and_the_same_clock_tell_the_same_story(plant: Plant) -> None:
    root = plant(FILES | {f"m{number}.py": "import shop\nclass A(shop.Stock): ...\n" for number in range(5)})
    assert run(root, cycles=2).published == run(root, cycles=2).published


def test_times_are_utc_whatever_the_clock_says(plant: Plant) -> None:
    east = datetime(2026, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=3)))
    assert run(plant(FILES), now=lambda: east).on(LOGS)[0]["timestamp"] == "2025-12-31T23:00:00.000Z"


def test_pages_and_files_without_any_are_an_interval_apart(plant: Plant) -> None:
    stop = Stop()
    Worker(plant(FILES), Hub().publish, interval=0.5, pause=7, cycles=2).run(stop)
    assert stop.waits == [*[0.5] * 5, 7, *[0.5] * 5]


@pytest.mark.parametrize("at", range(1, 9))
def test_stopping_ends_it_at_any_wait(plant: Plant, at: int) -> None:
    stop, hub = Stop(at), Hub()
    Worker(plant(FILES), hub.publish, cycles=None).run(stop)
    assert len(stop.waits) == at


def test_what_is_stopped_already_does_not_begin(plant: Plant) -> None:
    stop, hub = threading.Event(), Hub()
    stop.set()
    Worker(plant(FILES), hub.publish).run(stop)
    assert hub.published == []


def test_stopping_from_another_thread_ends_a_long_pause(plant: Plant) -> None:
    stop, paused = threading.Event(), threading.Event()

    def publish(channel: str, data: Any) -> None:
        if channel == EVENTS and data["type"] == "next_cycle":
            paused.set()

    running = Worker(plant(FILES), publish, interval=0, pause=3600)
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    assert paused.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_what_publishing_raises_ends_the_run(plant: Plant) -> None:
    def publish(channel: str, data: object) -> None:
        raise ConnectionError("no hub")

    with pytest.raises(ConnectionError, match="no hub"):
        Worker(plant(FILES), publish).run(threading.Event())


def test_a_checkout_that_is_not_there_ends_the_first_cycle(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the directory"):
        run(tmp_path / "nowhere")


def test_a_checkout_that_vanishes_later_is_looked_for_again(plant: Plant, tmp_path: Path) -> None:
    root, hub = plant(FILES), Hub()

    def publish(channel: str, data: Any) -> None:
        hub.publish(channel, data)
        if channel == EVENTS and data["type"] == "next_cycle":
            away = data["data"]["cycle_num"] == 2
            root.rename(tmp_path / "away") if away else (tmp_path / "away").rename(root)

    Worker(root, publish, cycles=3).run(Stop())
    story = [(data["level"], data["component"]) for data in hub.on(LOGS) if "shop" in data["event"]]
    assert ("error", "checkout") in story
    assert [event["data"]["cycle_num"] for event in hub.events("cycle_starting")] == [1, 3]


def test_a_file_that_vanishes_while_the_checkout_is_read_is_an_error_like_any_other(plant: Plant) -> None:
    root, hub = plant({"a.py": "def f(): ...", "b.py": "def g(): ..."}), Hub()

    def publish(channel: str, data: Any) -> None:
        hub.publish(channel, data)
        (root / "b.py").unlink(missing_ok=True)

    Worker(root, publish, cycles=1).run(Stop())
    [failure] = [data for data in hub.on(LOGS) if data["level"] == "error"]
    assert failure["event"] == "cannot read b.py: No such file or directory"
    assert [event["data"]["target"] for event in hub.events("documentation_committed")] == ["a", "f"]


def test_a_definition_that_cannot_be_measured_is_an_error_and_the_rest_goes_on(plant: Plant) -> None:
    hub = run(plant({"a.py": f"def {'x' * 300}(): ...\ndef g(): ...\n"}))
    [failure] = [data for data in hub.on(LOGS) if data["level"] == "error"]
    assert (failure["file"], failure["line"]) == ("a.py", 1)
    assert failure["reason"] == "its name has 300 characters"
    assert (hub.on(STATS)[-1]["errors"], hub.on(STATS)[-1]["documented"]) == (1, 2)


def test_what_is_very_complex_is_a_warning(plant: Plant) -> None:
    body = "".join(f"        if x == {number}: return {number}\n" for number in range(21))
    hub = run(plant({"a.py": f"class C:\n    def a(self): ...\n    def hard(self, x):\n{body}"}))
    [warning] = [data for data in hub.on(LOGS) if data["level"] == "warning"]
    assert warning["event"] == "C.hard has a complexity of 22, rank D"
    assert (warning["file"], warning["line"], warning["complexity"]) == ("a.py", 3, 22)


def test_what_is_not_read_is_told(plant: Plant) -> None:
    root = plant(FILES)
    (root / "link.py").symlink_to("/dev/null")
    [skipped, left_out] = run(root, bounds=Bounds(files=2)).on(LOGS)[1:3]
    assert (skipped["event"], skipped["file"], skipped["reason"]) == ("skipped", "link.py", "a symbolic link")
    assert left_out["event"] == "1 files are beyond the first 2 and left out"


def test_a_page_comes_when_what_mentions_it_is_read_and_not_when_everything_is(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"m{number:03}.py": f"def f{number}(): ...\n" for number in range(100)}
    root = plant({**files, "m000.py": "def rare(): ...\ndef often(): ...\n"})
    for number in range(50, 100):
        (root / f"m{number:03}.py").write_text("from m000 import often\noften()\n")
    (root / "m070.py").write_text("from m000 import rare\ndef user(): rare()\n")
    read: list[str] = []
    monkeypatch.setattr(Survey, "module", _noting(Survey.module, read))
    pages: dict[str, tuple[int, str]] = {}

    def publish(channel: str, data: Any) -> None:
        if channel == EVENTS and data["type"] == "documentation_committed":
            pages[data["data"]["target"]] = len(set(read)), data["data"]["page"]

    Worker(root, publish, cycles=1, bounds=Bounds(soon_bytes=200, ahead_bytes=1)).run(Stop())
    [(first, (seen, page)), *_] = pages.items()
    assert (first, seen) == ("rare", 2)
    assert "- `user` in `m070.py`, line 2: called" in page
    assert pages["often"][0] == 100  # it waits for all that mention it
    assert pages["often"][1].count("the module itself") == 40
    assert len(pages) == 52 + 100  # functions, and the module of every file


def _noting(read: Callable[[Survey, str], Any], files: list[str]) -> Callable[[Survey, str], Any]:
    def module(survey: Survey, file: str) -> Any:
        files.append(file)
        return read(survey, file)

    return module


def test_every_publication_is_json_below_400_kib(plant: Plant) -> None:
    long = "\n".join(f'    x = """{"é" * 40}"""' for _ in range(9000))
    root = plant(
        {
            "long.py": f"def f():\n{long}\n",
            "odd.py": 'def f():\n    "\\ud800 \\x00 \\x1b"\n',
            "latin.py": "# coding: latin-1\ndef f():\n    'é'\n".encode("latin-1"),
            "we\nird.py": "def f(): ...",
        }
    )
    hub = run(root)
    assert len(hub.events("documentation_committed")) == 8
    for _, data in hub.published:
        assert len(json.dumps(data)) < 400 * 1024
        assert len(orjson.dumps(data)) < 400 * 1024


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"interval": -1}, "interval is a number of seconds from 0 on, not -1"),
        ({"pause": float("nan")}, "pause is a number of seconds"),
        ({"pause": float("inf")}, "pause is a number of seconds"),
        ({"cycles": 0}, "cycles is at least 1, or None for no end, not 0"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Worker(tmp_path, Hub().publish, **options)
