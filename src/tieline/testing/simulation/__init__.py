"""The simulated world: a CRM, a store, the flows, workers that die and a network that fails, all from one seed.

See `docs/simulation.md`. `make_history(seed)` makes a history, `run(history, make_crm)` lives through it, `shrink`
makes a failing one short. Knows no sandbox: the caller gives the CRM.
"""

from tieline.testing.simulation.actions import Step as Step
from tieline.testing.simulation.history import History as History
from tieline.testing.simulation.history import Outcome as Outcome
from tieline.testing.simulation.history import make_history as make_history
from tieline.testing.simulation.history import run as run
from tieline.testing.simulation.history import shrink as shrink
from tieline.testing.simulation.world import Lessons as Lessons
from tieline.testing.simulation.world import Parts as Parts
