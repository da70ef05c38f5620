"""What a board's service may answer instead of doing something: each with a sentence for the person who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.models import Board


class BoardRefused(Exception):
    """A service did nothing. `status` is what HTTP calls it; the text is a sentence for the person who asked."""

    status = 403


class BoardNotFound(BoardRefused):
    """No board has this name."""

    status = 404

    def __init__(self) -> None:
        super().__init__("There is no such board.")


class BoardNotShared(BoardRefused):
    """The board is there, and this person may not see it."""

    def __init__(self, owner: str) -> None:
        by = f"{owner}, whose board it is," if owner else "an administrator"
        super().__init__(f"This board is not shared with you: {by} can share it.")


class BoardNotYours(BoardRefused):
    """The person may see the board, and may not do this with it."""

    def __init__(self, sentence: str = "You may see this board, and not change it; make a copy of your own.") -> None:
        super().__init__(sentence)


class BoardConflict(BoardRefused):
    """Somebody saved meanwhile; `current` is the board as it is now."""

    status = 412

    def __init__(self, current: Board) -> None:
        self.current = current
        by = f" by {current.changed_by}" if current.changed_by else ""
        super().__init__(f"The board was changed meanwhile{by}; it has version {current.version} now.")


class SlugTaken(BoardRefused):
    """Another board has this address."""

    status = 409

    def __init__(self, slug: str) -> None:
        super().__init__(f"Another board has the address {slug} already.")


class TooManyBoards(BoardRefused):
    """The person has as many boards as one may have."""

    status = 429

    def __init__(self, bound: int) -> None:
        super().__init__(f"You have {bound} boards, and nobody may have more; delete one.")


class UnknownGroups(BoardRefused):
    """Groups were named that there are not, or that are not the person's."""

    status = 422

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"You can share with groups that you are in; not with: {', '.join(names)}.")
