"""Everything that is a secret in a text: by its form, and by the name in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .credentials import mask_credentials
from .mask import MASK
from .pairs import Pairs

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from .names import SecretNames

__all__ = ["Values"]


@final
class Values:
    """
    Masks secrets in text, in time that is linear in its length, as far as it is up to us.

    Args:
        names: Those that make a secret of what follows them.
        own: What else is a secret; may take time that is the square of the length.
    """

    def __init__(self, names: SecretNames, own: Sequence[re.Pattern[str]] = ()) -> None:
        self._pairs = Pairs(names)
        self._own = own
        self.only_known = not own
        """Whether nothing is a secret by a form that is not known in advance."""

    def mask(self, text: str) -> str:
        """*text* without secrets."""
        text = self._pairs.mask(mask_credentials(text))
        return self._without_own(text) if self._own else text

    def mask_source(self, line: str) -> str:
        """A *line* of a program without them: of what is named, only literals are hidden."""
        return self._without_own(self._pairs.mask(mask_credentials(line), source=True))

    def _without_own(self, text: str) -> str:
        for pattern in self._own:
            text = pattern.sub(MASK, text)
        return text
