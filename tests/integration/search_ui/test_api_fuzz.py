"""Whatever the OpenAPI document allows, and what it does not, is answered, and never with a fault of the server."""

from collections import Counter
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.support.api_client import DOCUMENT, Served, ready, served
from tests.support.small_library import build

# Said where a thread of this process draws a random number while Hypothesis draws an example.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

OPERATIONS = ["search", "facets", "image", "thumbnail"]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
FEW, MANY = 6, 1250  # for each of four operations, right and wrong: 48 and 10,000 requests


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = build(tmp_path_factory.mktemp("fuzzed"), 8).data
    with served(data, tmp_path_factory.mktemp("audit") / "opened", api_rate="0") as server:
        ready(server)
        yield server


def _cases(operation: str, mode: GenerationMode) -> st.SearchStrategy[schemathesis.Case]:
    found: st.SearchStrategy[schemathesis.Case] = SCHEMA.find_operation_by_id(operation).as_strategy(
        generation_mode=mode
    )
    return found


def _fuzz(api: Served, operation: str, mode: GenerationMode, examples: int) -> None:
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
        derandomize=True,
    )
    @given(_cases(operation, mode))
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=api.url)
        seen[answer.status_code] += 1
        case.validate_response(answer, CHECKS)

    seen: Counter[int] = Counter()
    ask()
    print(f"{operation}, {mode.value}: {sum(seen.values())} requests, by status {dict(seen)}")  # noqa: T201


@pytest.mark.parametrize("mode", MODES, ids=["right", "wrong"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_some_requests(api: Served, operation: str, mode: GenerationMode) -> None:
    _fuzz(api, operation, mode, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES, ids=["right", "wrong"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_ten_thousand_requests(api: Served, operation: str, mode: GenerationMode) -> None:
    _fuzz(api, operation, mode, MANY)
