"""Names for what a request asks, as the log counts and faults match them."""

import re

_DATA = r"/services/data/v[\d.]+"
_PATTERNS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = tuple(
    (re.compile(pattern + r"/?$"), names)
    for pattern, names in (
        (r"/services/oauth2/token", {"POST": "oauth.token"}),
        (r"/services/oauth2/revoke", {"POST": "oauth.revoke", "GET": "oauth.revoke"}),
        (r"/services/data", {"GET": "versions"}),
        (_DATA, {"GET": "resources"}),
        (_DATA + r"/query", {"GET": "query"}),
        (_DATA + r"/queryAll", {"GET": "queryAll"}),
        (_DATA + r"/query(?:All)?/[^/]+", {"GET": "query.more"}),
        (
            _DATA + r"/composite/sobjects",
            {"POST": "collections.create", "PATCH": "collections.update", "DELETE": "collections.delete"},
        ),
        (_DATA + r"/composite/sobjects/[^/]+", {"POST": "collections.read", "GET": "collections.read"}),
        (_DATA + r"/composite/sobjects/[^/]+/[^/]+", {"PATCH": "collections.upsert"}),
        (_DATA + r"/sobjects", {"GET": "sobjects"}),
        (_DATA + r"/sobjects/[^/]+/describe", {"GET": "describe"}),
        (_DATA + r"/sobjects/[^/]+/updated", {"GET": "updated"}),
        (_DATA + r"/sobjects/[^/]+/deleted", {"GET": "deleted"}),
        (_DATA + r"/sobjects/[^/]+", {"POST": "record.create", "GET": "sobjects"}),
        (
            _DATA + r"/sobjects/[^/]+/[^/]+",
            {"GET": "record.read", "PATCH": "record.update", "DELETE": "record.delete"},
        ),
        (
            _DATA + r"/sobjects/[^/]+/[^/]+/.+",
            {"GET": "record.read", "PATCH": "record.upsert", "DELETE": "record.delete"},
        ),
        (_DATA + r"/jobs/query", {"POST": "bulk.create", "GET": "bulk.list"}),
        (
            _DATA + r"/jobs/query/[^/]+",
            {"GET": "bulk.poll", "PATCH": "bulk.abort", "DELETE": "bulk.delete"},
        ),
        (_DATA + r"/jobs/query/[^/]+/results", {"GET": "bulk.results"}),
        (_DATA + r"/limits", {"GET": "limits"}),
    )
)


def operation_of(method: str, path: str) -> str:
    """`unknown` for a path or method that the API does not have."""
    for pattern, names in _PATTERNS:
        if pattern.match(path):
            return names.get(method, "unknown")
    return "unknown"
