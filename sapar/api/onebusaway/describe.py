"""The description of the methods for `/openapi.json`."""

from __future__ import annotations

from typing import Any

from sapar.api.errors import RETRY_AFTER
from sapar.api.onebusaway.envelope import TEXTS
from sapar.api.onebusaway.methods import Method, Parameter

_IDS = {
    "agency": "aqtobe",
    "stop": "aqtobe_S0105",
    "route": "aqtobe_R12",
    "trip": "aqtobe_R12-0-0915",
    "vehicle": "aqtobe_204",
    "shape": "aqtobe_L12",
    "block": "aqtobe_B7",
}
_NO_REFERENCES: dict[str, list[Any]] = {
    "agencies": [],
    "routes": [],
    "situations": [],
    "stopTimes": [],
    "stops": [],
    "trips": [],
}
_COMMON = (
    Parameter("key", "string", "TEST"),
    Parameter("includeReferences", "boolean", True),
)


def describe(method: Method) -> dict[str, Any]:
    """Give what a route of FastAPI takes besides its path and its handler."""
    parameters = [_query(parameter) for parameter in (*method.parameters, *_COMMON)]
    if method.id_of:
        parameters.insert(
            0,
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": f"Id of the {method.id_of}.",
                "schema": {"type": "string", "minLength": 1},
                "example": _IDS[method.id_of],
            },
        )
    name = method.path.replace("/{id}", "").replace("/", "_").replace("-", "_")
    suffix = "_by_id" if method.id_of and "report" in method.path else ""
    return {
        "summary": method.summary,
        "operation_id": f"onebusaway_{name}{suffix}",
        "responses": {
            200: {
                "description": "In OneBusAway's envelope; times are milliseconds.",
                "content": {"application/json": {"example": _example(method)}},
            },
            **{
                status: {
                    "description": TEXTS[status],
                    "content": {"application/json": {"example": _failure(status)}},
                    **({"headers": RETRY_AFTER} if status in {429, 503} else {}),
                }
                for status in (400, 401, 404, 429, 503)
            },
        },
        "openapi_extra": {"parameters": parameters},
    }


def _query(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.needed,
        "schema": {"type": parameter.kind},
        "example": parameter.example,
    }


def _example(method: Method) -> dict[str, Any]:
    data: dict[str, Any] = {"references": _NO_REFERENCES}
    if method.path.startswith("report"):
        data = {}
    elif method.id_of and "-for-agency" not in method.path:
        data["entry"] = {}
    else:
        data |= {"limitExceeded": False, "list": []}
    return {"code": 200, "currentTime": 1795000000000, "data": data, "text": "OK", "version": 2}


def _failure(status: int) -> dict[str, Any]:
    return {
        "code": status,
        "currentTime": 1795000000000,
        "text": TEXTS[status],
        "version": 2,
    }
