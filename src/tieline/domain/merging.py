"""Merging texts without a model: statement by statement, by rules that a person can foresee.

Statements compare after NFC, case-fold and blank-collapse; see `statements.py` for what one is. Where texts of two
sides are compared, the same words of another day are another statement. This module must never invent, reword or cut a
statement.
"""

from collections.abc import Collection, Iterable

from tieline.domain.statements import Piece, dated_keys, keys, pieces, render
from tieline.domain.statements import compare_key as compare_key
from tieline.domain.statements import statements as statements


def without(text: str, removed: Iterable[str]) -> str:
    """The text without those statements (or texts of several); unchanged if it holds none of them."""
    gone = {key for statement in removed for key in (compare_key(statement), *keys(statement))}
    parts = pieces(text)
    kept = [index for index, piece in enumerate(parts) if piece.key not in gone]
    return text if len(kept) == len(parts) else render(parts, kept)


def merge3(base: str, crm: str, ours: str) -> str:
    """Both sides' changes of a text: the base statements that neither removed, the CRM's additions, ours.

    A statement that one side edited is a removal and an addition. A side's text is taken as it stands if it alone
    changed, if both agree, or if it reads like the result already.
    """
    if ours == base:
        return crm
    if crm == base or dated_keys(crm) == dated_keys(base):
        return ours
    if dated_keys(ours) in (dated_keys(base), dated_keys(crm)):
        return crm
    base_parts, crm_parts, our_parts = pieces(base), pieces(crm), pieces(ours)
    in_base, in_crm, in_ours = _key_set(base_parts), _key_set(crm_parts), _key_set(our_parts)
    blocks = (
        _rendered_without(base_parts, in_base - (in_crm & in_ours)),
        _rendered_without(crm_parts, in_base),
        _rendered_without(our_parts, in_base | in_crm),
    )
    merged = "\n".join(block for block in blocks if block)
    return next((side for side in (crm, ours) if dated_keys(side) == dated_keys(merged)), merged)


def _key_set(parts: Iterable[Piece]) -> frozenset[tuple[str, str]]:
    return frozenset(piece.dated for piece in parts)


def _rendered_without(parts: tuple[Piece, ...], excluded: Collection[tuple[str, str]]) -> str:
    """The pieces that are not excluded, each statement once."""
    seen = set(excluded)
    kept: list[int] = []
    for index, piece in enumerate(parts):
        if piece.dated not in seen:
            seen.add(piece.dated)
            kept.append(index)
    return render(parts, kept)
