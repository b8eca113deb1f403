"""Analysis mappings between the API's shape and the domain's: Retell's three members, and ours where they are set."""

from collections.abc import Sequence
from typing import Any

from tieline.api.models import AnalysisMappingIn
from tieline.domain.analysis_mapping import AnalysisMapping


def mappings_of(items: Sequence[AnalysisMappingIn]) -> tuple[AnalysisMapping, ...]:
    """As they were sent."""
    return tuple(
        AnalysisMapping.from_parts(
            item.analysis_data_name, item.field_name, item.update_mode, item.model_dump()
        )
        for item in items
    )


def mapping_json(mapping: AnalysisMapping) -> dict[str, Any]:
    """As they are shown."""
    return {
        "analysis_data_name": mapping.analysis_data_name,
        "field_name": mapping.field_name,
        "update_mode": mapping.update_mode.value,
        **mapping.options(),
    }
