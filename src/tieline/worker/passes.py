"""A pass of a live flow as a run in the history: opened by the flow when it finds work, ended here with what it did.

An idle pass leaves nothing. Never keeps an error back: what the flow raised goes on to whoever decides about it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tieline.flows.tally import PassKind, PassTally, in_words
from tieline.ports.clock import Ids
from tieline.ports.crm import CrmSession
from tieline.ports.errors import BrakedError, ConflictError, CrmError
from tieline.store.passes import Passes

_log = logging.getLogger(__name__)

_CUT_OFF = "Its worker was stopped or lost its lane; a later run goes on with what was left."


@asynccontextmanager
async def told(
    passes: Passes, ids: Ids, kind: PassKind, org_id: str, session: CrmSession | None = None
) -> AsyncIterator[PassTally]:
    """What the body did under this tally. Requests are the session's meanwhile, a fresh read's beside it included."""
    tally = PassTally(kind, ids.new("run"))
    before = session.requests_sent if session is not None else 0
    failure: str | None = None
    try:
        yield tally
    except asyncio.CancelledError:
        failure = _CUT_OFF
        raise
    except Exception as error:
        tally.failed(error)
        failure = str(error) or type(error).__name__
        raise
    finally:
        if tally.begun:
            if session is not None:
                tally.requests += session.requests_sent - before
            await _end(passes, org_id, tally, failure)


async def _end(passes: Passes, org_id: str, tally: PassTally, failure: str | None) -> None:
    try:
        await passes.end(
            org_id, tally.run_id, counts=tally.counts, errors=tally.errors, requests=tally.requests,
            engine=", ".join(sorted(tally.engines)) or None, failure=failure,
        )  # fmt: skip
    except Exception as error:
        # What the pass did is committed; only its line in the history stays open, until the next of its kind ends it.
        _log.warning("run %s not ended: %s", tally.run_id, type(error).__name__)


@asynccontextmanager
async def errors_told(passes: Passes, org_id: str, run_id: str) -> AsyncIterator[None]:
    """Counts what a queued run fails with, by its class; the run may be tried again."""
    try:
        yield
    except (CrmError, ConflictError, BrakedError) as error:
        await passes.note_error(org_id, run_id, in_words(error))
        raise
