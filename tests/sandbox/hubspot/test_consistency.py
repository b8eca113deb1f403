"""After any history of changes, the list, the search index and the unique values agree."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tieline.sandbox.hubspot import create
from tieline.sandbox.hubspot.search import read_request
from tieline.sandbox.kernel.errors import AdminError

EMAILS = st.sampled_from(["", "a@example.com", "b@example.com", "c@example.com"])
PLANS = st.sampled_from(["", "Team", "Business"])


class PortalHistory(RuleBasedStateMachine):
    """A portal whose search is three seconds behind, and the least model of what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = create({"index_lag_seconds": 3})
        self.crm.clock.freeze(datetime(2026, 11, 20, tzinfo=UTC))
        self.live: dict[str, dict[str, str]] = {}
        self.archived: dict[str, dict[str, str]] = {}

    def _taken(self, email: str, but: str = "") -> bool:
        return bool(email) and any(p["email"] == email for one, p in self.live.items() if one != but)

    @rule(email=EMAILS, plan=PLANS)
    def make(self, email: str, plan: str) -> None:
        values = {"firstname": "A", "email": email, "plan": plan}
        if self._taken(email):
            self._refused("create", properties=values)
        else:
            self.live[str(self.crm.create({"properties": values})["id"])] = values

    @precondition(lambda self: self.live)
    @rule(data=st.data(), email=EMAILS, plan=PLANS)
    def edit(self, data: st.DataObject, email: str, plan: str) -> None:
        one = data.draw(st.sampled_from(sorted(self.live)))
        if self._taken(email, but=one):
            self._refused("edit", id=one, properties={"email": email})
        else:
            self.crm.edit({"id": one, "properties": {"email": email, "plan": plan}})
            self.live[one] |= {"email": email, "plan": plan}

    @precondition(lambda self: self.live)
    @rule(data=st.data(), purge=st.booleans())
    def delete(self, data: st.DataObject, purge: bool) -> None:
        one = data.draw(st.sampled_from(sorted(self.live)))
        self.crm.delete({"id": one, "purge": purge})
        values = self.live.pop(one)
        if not purge:
            self.archived[one] = values

    @precondition(lambda self: self.archived)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.archived)))
        if self._taken(self.archived[one]["email"]):
            self._refused("restore", id=one)
        else:
            self.crm.restore({"id": one})
            self.live[one] = self.archived.pop(one)

    @precondition(lambda self: len(self.live) > 1)
    @rule(data=st.data(), new_id=st.booleans())
    def merge(self, data: st.DataObject, new_id: bool) -> None:
        pair = data.draw(st.lists(st.sampled_from(sorted(self.live)), min_size=2, max_size=2, unique=True))
        self.crm.settings({"merge_assigns_new_id": new_id})
        survivor = str(self.crm.merge({"winner": pair[0], "loser": pair[1]})["id"])
        winner, loser = (self.live.pop(one) for one in pair)
        self.live[survivor] = {name: winner[name] or loser[name] for name in winner}

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.crm.clock.advance(seconds)

    def _refused(self, operation: str, **spec: object) -> None:
        with pytest.raises(AdminError) as refused:
            getattr(self.crm, operation)(spec)
        assert refused.value.status == 409

    @invariant()
    def the_list_is_what_is_live(self) -> None:
        shelf = self.crm.portal.shelves["contacts"]
        for archived, expected in ((False, self.live), (True, self.archived)):
            records, more = shelf.page(0, 10_000, archived=archived)
            assert not more
            shown = {
                str(record.state.id): {name: record.state.props.get(name, "") for name in ("email", "plan")}
                for record in records
            }
            wanted = {one: {name: p[name] for name in ("email", "plan")} for one, p in expected.items()}
            assert shown == wanted
        for one, values in self.live.items():
            if values["email"]:
                found = shelf.find("email", values["email"])
                assert found is not None
                assert str(found.state.id) == one

    def teardown(self) -> None:
        """Once the lag has passed, every way of searching finds exactly the live contacts."""
        self.crm.clock.advance(3)
        shelf = self.crm.portal.shelves["contacts"]
        shelf.index.settle(self.crm.portal.now())
        assert {str(one): entry for one, entry in shelf.index.entries.items()} == {
            str(record.state.id): record.state for record in shelf.records.values()
        }
        assert {str(one) for one in shelf.index.modified_range(None, None)} == set(self.live)
        for email in {values["email"] for values in self.live.values() if values["email"]}:
            wanted = {"propertyName": "email", "operator": "EQ", "value": email.upper()}
            request = read_request({"filterGroups": [{"filters": [wanted]}]}, shelf.schema.properties)
            found = [str(state.id) for state in shelf.engine.run(request).states]
            assert found == [one for one, values in self.live.items() if values["email"] == email]


TestPortalHistory = PortalHistory.TestCase
TestPortalHistory.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
