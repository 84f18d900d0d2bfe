"""The Flask application of `failing`, by the name that servers are told."""

from __future__ import annotations

import importlib
from typing import Any

app: Any = importlib.import_module("failing").wsgi_app
