"""The rest of files → windows of it that workers read by themselves, as long as what they read fits together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bywords.io.pieces import Piece, Window

if TYPE_CHECKING:
    from bywords.io.readers import Rest
    from bywords.io.streams import Position

MOST_UNFIT = 8  # windows of all files that had to be read here: then this reads all, unless they are few among many
LEAST_FIT = 16  # windows for each of them that did not have to be, for those to be few


class Split:
    """Hands out windows, and takes pieces in their order. Where one does not fit, its file goes on from there, here."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` gets a sentence where a worker does not see a file."""
        self._tell = tell
        self._n_out = self._n_unfit = self._n_fit = 0
        self._is_unfit = self._is_unseen = False
        self.at: Position | None = None  # behind what was taken last, where the file goes on; None: where it is

    def windows(self, rest: Rest[Any]) -> Iterator[Window | None]:
        """The windows of the rest of a file; then None until what was read of each has been taken."""
        self.at = None
        if self._is_unseen or (self._n_unfit >= MOST_UNFIT and self._n_unfit * LEAST_FIT > self._n_fit):
            return
        self._at, self._is_unfit, self._name = rest.position, False, rest.file.name
        for window in rest.reader.pieces.windows(rest.position):
            self._n_out += 1
            yield window
            if self._is_unfit:
                break
        while self._n_out:
            yield None
        self.at = self._at
        rest.file.go_on(self._at)

    def takes(self, window: Window, piece: Piece | None) -> bool:
        """Whether a piece is the next one of its file; what comes behind one that is not is read here."""
        self._n_out -= 1
        if self._is_unfit:
            return False
        if piece is None or piece.begins_at != self._at.offset:
            self._at = dataclasses.replace(self._at, read_to=window.start)
            self._is_unfit, self._n_unfit = True, self._n_unfit + 1
            return False
        line = self._at.line + piece.n_lines
        self._at = dataclasses.replace(self._at, offset=piece.ends_at, line=line, read_to=window.stop)
        self._n_fit += 1
        return True

    def refuse(self, window: Window, host: str) -> None:
        """The worker of a window does not see its file: no more windows."""
        if not self._is_unseen:
            self._tell(f"A worker on {host} cannot read {self._name}, or has another one: it is read here instead.")
            self._is_unseen = True
        self.takes(window, None)
