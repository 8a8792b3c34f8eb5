"""Filters on a publication's tags: is one valid, does it match, and when are two the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from functools import lru_cache

from .messages import FilterNode

MAX_NODES = 100
"""Nodes of one filter; each is looked at for every publication."""

MAX_VALUES = 1000
"""Values in one filter, over all its `in` and `nin`."""

MAX_BYTES = 64 * 1024
"""Of the keys and values of one filter, in UTF-8: a subscription keeps it. A thousand UUIDs are 36 KB."""

CACHED = 64
"""Characters of a number that is read once for all publications; a longer one each time."""

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


def validate(node: FilterNode) -> None:
    """Raises ValueError with the reason for a filter that cannot be meant, or is too large."""
    nodes = _validated(node)
    values = sum(len(leaf.vals) for leaf in nodes)
    if values > MAX_VALUES:
        raise ValueError(f"{values} values in a filter, above the limit of {MAX_VALUES}")
    texts = (text for leaf in nodes for text in (leaf.key, leaf.val, *leaf.vals))
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MAX_BYTES:
        raise ValueError(f"{size} bytes of keys and values in a filter, above the limit of {MAX_BYTES}")


def matches(node: FilterNode, tags: Mapping[str, str] | None) -> bool:
    """Does the publication with these tags pass? The filter must be valid."""
    return _matches(node, tags or {})


def key(node: FilterNode) -> Hashable:
    """Equal for filters that say the same, but for the order of their parts."""
    if node.op == "":
        return node.key, node.cmp, node.val, frozenset(node.vals)
    return node.op, frozenset(key(part) for part in node.nodes)


# -- valid -----------------------------------------------------------------------------------------


def _validated(root: FilterNode) -> list[FilterNode]:
    """All nodes of the tree. A loop and not a recursion: the depth is the peer's choice."""
    nodes = [root]
    for node in nodes:  # which grows meanwhile
        _check_inner(node) if node.op else _check_leaf(node)
        if node.op:
            nodes += node.nodes
        if len(nodes) > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} nodes in a filter")
    return nodes


def _check_inner(node: FilterNode) -> None:
    if node.op not in ("and", "or", "not"):
        raise ValueError("a filter's op is and, or, not, or empty for a comparison")
    if node.op == "not" and len(node.nodes) != 1:
        raise ValueError(f"not takes one node, not {len(node.nodes)}")
    if not node.nodes:
        raise ValueError(f"{node.op} needs a node")


def _check_leaf(node: FilterNode) -> None:
    if node.cmp not in _COMPARISONS:
        raise ValueError(f"a filter's cmp is one of {', '.join(_COMPARISONS)}")
    if node.cmp in ("ex", "nex"):
        if node.val or node.vals:
            raise ValueError(f"{node.cmp} takes neither val nor vals")
        return
    if not node.key:
        raise ValueError(f"{node.cmp} needs a key")
    if node.cmp in ("in", "nin"):
        if node.val or not node.vals:
            raise ValueError(f"{node.cmp} takes vals, and no val")
    elif node.vals or not node.val:
        raise ValueError(f"{node.cmp} takes a val, and no vals")


# -- matching --------------------------------------------------------------------------------------


def _matches(node: FilterNode, tags: Mapping[str, str]) -> bool:
    if node.op == "and":
        return all(_matches(part, tags) for part in node.nodes)
    if node.op == "or":
        return any(_matches(part, tags) for part in node.nodes)
    if node.op == "not":
        return not _matches(node.nodes[0], tags)
    return _COMPARISONS[node.cmp](tags.get(node.key), node)


def _order(tag: str | None, node: FilterNode) -> int | None:
    """-1, 0 or 1 as the tag is below, at or above the value; None where one is no decimal number."""
    left, right = _decimal(tag or ""), _decimal(node.val)
    return None if left is None or right is None else (left > right) - (left < right)


def _decimal(text: str) -> Decimal | None:
    return _cached_decimal(text) if len(text) <= CACHED else _read_decimal(text)


def _read_decimal(text: str) -> Decimal | None:
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


_cached_decimal = lru_cache(maxsize=1024)(_read_decimal)


_COMPARISONS: dict[str, Callable[[str | None, FilterNode], bool]] = {
    "eq": lambda tag, node: tag == node.val,
    "neq": lambda tag, node: tag != node.val,
    "in": lambda tag, node: (tag or "") in node.vals,
    "nin": lambda tag, node: (tag or "") not in node.vals,
    "ex": lambda tag, node: tag is not None,
    "nex": lambda tag, node: tag is None,
    "sw": lambda tag, node: tag is not None and tag.startswith(node.val),
    "ew": lambda tag, node: tag is not None and tag.endswith(node.val),
    "ct": lambda tag, node: tag is not None and node.val in tag,
    "lt": lambda tag, node: _order(tag, node) == -1,
    "lte": lambda tag, node: _order(tag, node) in (-1, 0),
    "gt": lambda tag, node: _order(tag, node) == 1,
    "gte": lambda tag, node: _order(tag, node) in (0, 1),
}
