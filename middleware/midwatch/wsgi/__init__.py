"""The only package that knows WSGI (PEP 3333)."""

from .door import WSGIMiddleware

__all__ = ["WSGIMiddleware"]
