"""A folder for what is unpacked while a file is read, gone when the reading is over."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast


class Scratch:
    """A context that owns a folder and the files in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()

    def file(self, name: str) -> BinaryIO:
        """A new file, open for writing and reading until the context ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return cast(BinaryIO, self._files.enter_context((self._folder / name).open("w+b")))

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.close()
        shutil.rmtree(self._folder, ignore_errors=True)
