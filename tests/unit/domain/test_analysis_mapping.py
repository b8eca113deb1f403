"""Which analysis mappings are refused."""

from tieline.domain.analysis_mapping import AnalysisMapping, analysis_mapping_problems, merge_fields
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType

_FIELDS = dict(BUILTIN_FIELDS) | {
    "lead_status": FieldSpec("lead_status", FieldType.ENUM, options=("New", "Qualified")),
    "interaction_summary": FieldSpec("interaction_summary", FieldType.STRING),
    "notes": FieldSpec("notes", FieldType.STRING),
    "seats": FieldSpec("seats", FieldType.NUMBER),
}


def test_analysis_mappings_are_checked_against_the_fields() -> None:
    right = [
        AnalysisMapping("lead_qualification_status", "lead_status", UpdateMode.OVERWRITE),
        AnalysisMapping("customer_notes", "interaction_summary", UpdateMode.MERGE),
        AnalysisMapping("call_summary", "interaction_summary", UpdateMode.MERGE),
        AnalysisMapping("wants_no_calls", "do_not_call", UpdateMode.OVERWRITE),
    ]
    assert analysis_mapping_problems(right, _FIELDS) == []
    assert merge_fields(right) == {"interaction_summary"}
    wrong = [
        AnalysisMapping("number", "phone_number", UpdateMode.OVERWRITE),
        AnalysisMapping("budget", "seats", UpdateMode.MERGE),
        AnalysisMapping(" ", "notes", UpdateMode.OVERWRITE),
        AnalysisMapping("x", "nope", UpdateMode.OVERWRITE),
        AnalysisMapping("customer_notes", "notes", UpdateMode.MERGE),
        AnalysisMapping("customer_notes", "notes", UpdateMode.OVERWRITE),
    ]
    problems = analysis_mapping_problems(wrong, _FIELDS)
    assert [problem.where for problem in problems] == [
        f"crm_analysis_data_mappings[{index}]" for index in (0, 1, 2, 3, 5)
    ]
