"""`tieline demo`: real processes, both sandbox CRMs, and the product's main job from end to end, checked.

It acts as the people and programs around Tieline do: it must never look into Tieline's own objects to see whether a
claim holds, and never into the sandbox behind its public CRM API. The acceptance tests run the same walk.
"""

from tieline.cli.demo.command import run

__all__ = ["run"]
