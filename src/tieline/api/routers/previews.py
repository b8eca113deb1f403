"""What a conversation would write, shown without writing it. Beyond Retell's API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.analysis_mappings import mapping_json, mappings_of
from tieline.api.errors import problems_text
from tieline.api.models import AnalysisMappingIn, Strict
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import previewing_of
from tieline.domain.configuration import MAX_MAPPINGS
from tieline.flows.mapping_analysis import Preview
from tieline.flows.previewing import Previewing, PreviewRefusedError, UnknownConversationError
from tieline.ports.work import ConversationKey

router = APIRouter(route_class=ApiRoute, tags=["CRM"])
PreviewingOf = Annotated[Previewing, Depends(previewing_of)]


class PreviewAnalysisMappings(Strict):
    """Which conversation, and mappings to try in the place of the saved ones. `no_model`: no model is asked."""

    conversation_id: Annotated[str, Field(min_length=1, max_length=250)]
    platform: Annotated[str, Field(min_length=1, max_length=250)] = "retell"
    crm_analysis_data_mappings: Annotated[list[AnalysisMappingIn], Field(max_length=MAX_MAPPINGS)] | None = (
        None
    )
    no_model: bool = False


class PreviewChangeOut(BaseModel):
    """A change that would be made, or (`overruled`) a value that would not stand."""

    field_name: str
    outcome: str
    value: Any
    replaced: Any
    reason: str
    evidence: Any = None


class ToMergeOut(BaseModel):
    """Two texts that a model would be asked about."""

    field_name: str
    present: str
    addition: str


class PreviewIssueOut(BaseModel):
    """Something that would wait for a person."""

    kind: str
    field_name: str
    message: str
    raw: Any = None


class PreviewOut(BaseModel):
    """What would be written. `applied_already`: saved mappings by which this analysis was applied before."""

    contact_id: str = ""
    changes: list[PreviewChangeOut]
    to_merge: list[ToMergeOut]
    issues: list[PreviewIssueOut]
    applied_already: list[Any]


@router.post("/preview-analysis-mappings", responses=documented(PreviewOut, 200, 404))
async def preview_analysis_mappings(
    body: PreviewAnalysisMappings, caller: CallerOf, previewing: PreviewingOf
) -> Response:
    """Plans a conversation's analysis as a run would, and writes nothing but what a model answered."""
    items = body.crm_analysis_data_mappings
    key = ConversationKey(caller.org_id, body.platform, body.conversation_id)
    try:
        shown = await previewing.preview(
            key, None if items is None else mappings_of(items), ask=not body.no_model
        )
    except UnknownConversationError as error:
        raise HTTPException(404, str(error)) from None
    except PreviewRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    return JsonResponse(preview_json(shown))


def preview_json(shown: Preview) -> dict[str, Any]:
    """A preview as the API and the command line show it."""
    changes = [change for contact in shown.changes.contact_changes for change in contact.changes]
    answer = {
        "contact_id": shown.contact_id or None,
        "changes": [
            {
                "field_name": change.field_name,
                "outcome": change.outcome.value,
                "value": change.new,
                "replaced": change.old,
                "reason": change.reason,
                "evidence": change.evidence,
            }
            for change in changes
        ],
        "to_merge": [
            {"field_name": need.field_name, "present": need.old, "addition": need.new}
            for need in shown.to_merge
        ],
        "issues": [
            {"kind": note.kind, "field_name": note.field_name, "message": note.message, "raw": note.raw}
            for note in shown.changes.issues
        ],
        "applied_already": [mapping_json(mapping) for mapping in shown.applied_already],
    }
    return without_none(answer)
