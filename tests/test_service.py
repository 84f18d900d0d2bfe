"""What the service is called: as told, else by the standard variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.service import Service

NAME, RESOURCE = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"


@pytest.mark.parametrize(
    ("environment", "told", "expected"),
    [
        ({}, {}, Service()),
        ({NAME: "a"}, {}, Service("a")),
        ({NAME: "a"}, {"name": "b"}, Service("b")),
        ({NAME: ""}, {}, Service("unknown_service")),
        ({RESOURCE: "service.name=a"}, {}, Service("a")),
        ({NAME: "a", RESOURCE: "service.name=b"}, {}, Service("a")),
        ({RESOURCE: "service.version=1,deployment.environment.name=prod"}, {}, Service("unknown_service", "1", "prod")),
        ({RESOURCE: "deployment.environment=old"}, {}, Service(environment="old")),
        (
            {RESOURCE: "service.version=1,deployment.environment.name=prod"},
            {"version": "2", "environment": "test"},
            Service("unknown_service", "2", "test"),
        ),
        ({RESOURCE: "host.name=h,k8s.pod.name=p"}, {}, Service(attributes=(("host.name", "h"), ("k8s.pod.name", "p")))),
        ({RESOURCE: " a = b , c=d "}, {}, Service(attributes=(("a", "b"), ("c", "d")))),
        ({RESOURCE: "a=x%20y%2Cz%3D"}, {}, Service(attributes=(("a", "x y,z="),))),
        ({RESOURCE: "a=b=c"}, {}, Service(attributes=(("a", "b=c"),))),
        ({RESOURCE: "a="}, {}, Service(attributes=(("a", ""),))),
        ({RESOURCE: "a=1,a=2"}, {}, Service(attributes=(("a", "2"),))),
        ({RESOURCE: ",,novalue,=x, =y,"}, {}, Service()),
    ],
)
def test_the_service(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], told: dict[str, str], expected: Service
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Service.known(**told) == expected


def test_its_fields() -> None:
    """As resource attributes, what is unknown left out."""
    assert Service().fields() == {"service.name": "unknown_service"}
    assert Service("a", "1", "test", (("host.name", "h"),)).fields() == {
        "service.name": "a",
        "service.version": "1",
        "deployment.environment.name": "test",
        "host.name": "h",
    }


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_no_environment_stops_the_start(text: str) -> None:
    """What cannot be read is left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RESOURCE, text)
        service = Service.known()
    assert service.name
    assert all(key for key, _ in service.attributes)
