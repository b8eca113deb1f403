"""What a person is told about one record, and when it closes by itself."""

from dataclasses import replace

from tieline.domain.board import Board
from tieline.domain.fields import DO_NOT_CALL


def missing_cause(tenant_key: str, external_id: str) -> str:
    """The cause of the issue about a record that was not found under its id."""
    return f"missing:{tenant_key}:{external_id}"


def close_about(board: Board, external_id: str) -> None:
    """Closes what was open about a record that gives and takes nothing any more."""
    if not board.open_causes:
        return
    about = f":{board.tenant_key}:{external_id}"
    for kind in ("phone", "missing"):
        board.close(f"{kind}{about}")
    for cause in board.open_causes:
        if cause.startswith((f"push{about}:", f"value{about}:")):
            board.close(cause)
            if cause.startswith(f"value{about}:{DO_NOT_CALL}|"):
                _ask_anew(board, external_id, cause.removeprefix(f"value{about}:"))


def _ask_anew(board: Board, external_id: str, pair_key: str) -> None:
    """The CRM cleared `do_not_call`, and nobody has decided yet: a link that opens again with its base asks again."""
    link = board.links.get(external_id)
    state = None if link is None else link.pairs.get(pair_key)
    if link is not None and state is not None and state.base.local is True:
        asked = replace(state, base=replace(state.base, remote=True))
        board.put_link(replace(link, pairs={**link.pairs, pair_key: asked}))
