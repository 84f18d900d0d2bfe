"""Redaction: no secret in anything that is written or sent, by its name or by its form."""

from .headers import shown_headers
from .redactor import DEFAULT, Redactor

__all__ = ["DEFAULT", "Redactor", "shown_headers"]
