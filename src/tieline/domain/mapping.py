"""Mappings: which contact field is joined to which CRM field, in which direction, and by which policy.

`build_mapping_set` turns what a person saved into pairs, or into every problem at once. This module must never let a
mapping through that could not work on the live schema.
"""

from tieline.domain.pairs import Pair as Pair
from tieline.domain.pairs import Policy as Policy
