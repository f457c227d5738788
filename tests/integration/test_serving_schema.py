"""The server against its own OpenAPI document: whatever is sent, it answers as that says, and never with 500."""

from importlib.util import find_spec
from typing import Any

from agent.serve.app import Limits
from tests import needs
from tests.fakes import ScriptedChat, literal, principle
from tests.served import serving

needs.require("API")

import schemathesis  # noqa: E402 - only where it is installed
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis.strategies import booleans  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
)
SENSIBLE = {
    "messages": [{"role": "user", "content": "Can I take tea with jam?"}],
    "draft": "Rest a while.",
    "answer": "Rest a while.",
}
READ = {*SENSIBLE, "model", "stream", "temperature", "seed", "max_tokens", "max_completion_tokens", "clinalign"}
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")


def test_each_route_keeps_to_the_document() -> None:
    with serving(ScriptedChat(chance=literal), JAM, limits=Limits(body=50_000)) as made:
        document = schemathesis.openapi.from_url(f"{made.address}/openapi.json")
        operations = [found.ok() for found in document.get_all_operations()]
        seen = {(operation.label, status) for operation in operations for status in tried(operation)}
    for path in ("/v1/chat/completions", "/v1/revise", "/v1/grade"):
        assert {(f"POST {path}", 200), (f"POST {path}", 400)} <= seen


def tried(operation: Any) -> set[int]:
    """The statuses of what is sent there, half of it a question that can be answered."""
    statuses: set[int] = set()

    @settings(max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), asks=booleans())
    def checked(case: schemathesis.Case, asks: bool) -> None:
        if asks and isinstance(case.body, dict):
            case.body = {name: SENSIBLE.get(name, value) for name, value in case.body.items() if name in READ}
        statuses.add(case.call_and_validate(checks=CHECKS).status_code)

    if operation.path != "/metrics" or find_spec("prometheus_client"):
        checked()
    return statuses
