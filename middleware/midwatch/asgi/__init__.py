"""The only package that knows ASGI 3 (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from .door import ASGIMiddleware

__all__ = ["ASGIMiddleware"]
