"""
What Midwatch's own tests use, for authors of plugins.

```python
recorder = Recorder()
answer = call_asgi(ASGIMiddleware(ScriptedApp().asgi, recorder), path="/orders")
assert answer.status == 200
assert recorder.moments == ["on_request", "on_response", "on_finish"]
```

`ScriptedApp` is one application that can be had through both doors; `call_asgi` and `call_wsgi` are servers of one
request that check what the specifications ask of an application.
"""

from .parts import Answer, Recorder, ScriptedApp
from .serve_asgi import call_asgi
from .serve_wsgi import call_wsgi

__all__ = ["Answer", "Recorder", "ScriptedApp", "call_asgi", "call_wsgi"]
