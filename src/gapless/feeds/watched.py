"""The files that names, patterns and directories stand for, those that come later, and their changes."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from ..errors import ConfigError
from .files import FollowedFile, Mark
from .rotation import HEAD_BYTES

RESCAN_SECONDS = 1.0
"""Between two looks for new files."""

_MAGIC = frozenset("*?[")
_NOT_LOGS = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".swp", ".tmp")

Lost = Callable[[Path, str], None]


class Watched:
    """All that is followed, by path.

    A name is followed whether it exists or not. Of a pattern (`/var/log/*.log`) or a directory every
    regular file is followed, those that come later from their start, and so those of which `came_since`
    says that they came while nobody followed; what was rotated away or copied from one that is
    followed is not read a second time.

    Raises:
        ConfigError: a name cannot be followed.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        from_start: bool = False,
        marks: Callable[[Path], Sequence[Mark] | None] = lambda path: None,
        lost: Lost = lambda path, line: None,
        came_since: Callable[[str, Path], bool] = lambda pattern, path: False,
    ) -> None:
        self.files: dict[Path, FollowedFile] = {}
        self.patterns = [_pattern(name) for name in names if is_pattern(name)]
        """Those among the names, directories as patterns."""
        self._marks = marks
        self._lost = lost
        self._scanned_at = 0.0
        try:
            for name in names:
                if not is_pattern(name):
                    self._add(Path(name), from_start=from_start)
            for pattern, path in self._found():
                if not path.is_symlink() or path.exists():
                    self._add(path, from_start=from_start or came_since(pattern, path))
        except ConfigError:
            self.close()
            raise

    @property
    def directories(self) -> set[Path]:
        """Where a change may be of interest."""
        parents = {path.parent.absolute() for path in self.files}
        return {
            path for path in parents | {Path(one).parent.absolute() for one in self.patterns} if path.is_dir()
        }

    def look(self, now: float) -> None:
        """See what became of each, and what is new; `now` is in seconds of a clock that does not jump."""
        for file in self.files.values():
            file.look()
        if self.patterns and now - self._scanned_at >= RESCAN_SECONDS:
            self._scanned_at = now
            for _, path in self._found():
                if not self._is_read_already(path):
                    try:
                        self._add(path, from_start=True)
                    except ConfigError as error:
                        self._lost(path, str(error))

    def close(self) -> None:
        """Close what is open."""
        for file in self.files.values():
            file.close()

    def _add(self, path: Path, *, from_start: bool) -> None:
        def lost(line: str) -> None:
            self._lost(path, line)

        if path not in self.files:
            self.files[path] = FollowedFile(path, from_start=from_start, marks=self._marks(path), lost=lost)

    def _found(self) -> Iterable[tuple[str, Path]]:
        for pattern in self.patterns:
            for name in sorted(glob.glob(pattern)):
                path = Path(name)
                if path.is_file() and not name.endswith(_NOT_LOGS):
                    yield pattern, path

    def _is_read_already(self, path: Path) -> bool:
        if path in self.files:
            return True
        try:
            there = os.stat(path)
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            return True  # gone, or not for us
        key = there.st_dev, there.st_ino
        return any(file.holds(key) or file.is_copy(head) for file in self.files.values())


def is_pattern(name: str) -> bool:
    """Does it stand for several files? A file may have a star in its name, and is then meant itself."""
    return os.path.isdir(name) or (bool(_MAGIC & set(name)) and not os.path.exists(name))


def _pattern(name: str) -> str:
    return os.path.join(glob.escape(name), "*") if os.path.isdir(name) else name


class Changes:
    """Calls `told` after changes in these directories, on a thread of its own.

    It needs watchfiles (`pip install watchfiles`); without it nothing is ever told, and who looks now
    and then sees everything all the same, a little later.
    """

    def __init__(self, directories: Collection[Path], told: Callable[[], object]) -> None:
        self._stop = threading.Event()
        try:
            from watchfiles import watch
        except ImportError:
            return
        if not directories:
            return

        def run() -> None:
            try:
                for _ in watch(
                    *directories,
                    stop_event=self._stop,
                    recursive=False,
                    debounce=50,
                    step=10,
                    raise_interrupt=False,
                ):
                    told()
            except (OSError, RuntimeError):
                pass  # no more watches, or the directory is gone: looking now and then remains

        threading.Thread(target=run, name="changes", daemon=True).start()

    def close(self) -> None:
        """Tell of nothing any more."""
        self._stop.set()
