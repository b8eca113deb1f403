"""The step of the walk in which a conversation comes with nothing but its transcript."""

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.cli.demo.agent import AGENT_NUMBER, talk
from tieline.cli.demo.seen import Seen
from tieline.cli.demo.setting import ANALYSIS_FIELDS, NUMBER

INVOICE = "Please send the invoice to our warehouse in Boulder."
TURNS: Sequence[Mapping[str, Any]] = (
    {"role": "agent", "content": "Hello Alice, what can I do for you?", "start": 0.4},
    {"role": "user", "content": INVOICE, "start": 3.1},
    {
        "role": "agent",
        "content": "I will. I note that you were contacted today. Which address may I write to?",
        "start": 8,
    },
    {"role": "user", "content": "It is alice.smith at example dot com.", "start": 14.2},
)


class Transcripts(Seen):
    """What is extracted is checked like everything else: on what comes back."""

    def transcript_alone(self) -> None:
        """A platform that analyses nothing: what is asked for is extracted from the transcript."""
        self.report.step(
            "Another platform sends a call with its transcript alone: Tieline finds the values itself",
            "PUT /update-analysis-config says what to find; POST /conversations; an emulated model answers.",
        )
        contact, crm = self._contact(), self._crm()
        self.client.define_analysis(list(ANALYSIS_FIELDS))
        call = talk("call_demo_4", 55, INVOICE, {
            "lead_qualification_status": "Contacted", "customer_notes": INVOICE, "email": "alice.smith@example.com",
        }, "inbound")  # fmt: skip
        self.client.take_conversation(
            {
                "conversation_id": call.talk_id, "platform": "other_voice", "type": "call", "direction": "inbound",
                "from_number": NUMBER, "to_number": AGENT_NUMBER, "start_timestamp": call.started_ms,
                "end_timestamp": call.ended_ms, "status": "ended", "transcript": list(TURNS),
            }
        )  # fmt: skip
        self._heard(call)
        after = self._until_enriched(call, status="Contacted")
        self._show(contact, crm, after)
        seen = self.client.call(call.talk_id)
        found = seen["call_analysis"]["custom_analysis_data"]
        evidence = {name: one["quote"] for name, one in seen["analysis_evidence"].items()}
        self.report.listed(
            f"  Found by {seen['analysis_origin']['engine']}", ("field", "value", "because she said"),
            [(name, value, evidence.get(name)) for name, value in found.items()],
        )  # fmt: skip
        self.report.claim("it found what was said", expected=dict(call.extracted), found=found)
        self.report.claim(
            "every value rests on words of the transcript",
            expected=(set(found), True),
            found=(set(evidence), all(quote in seen["transcript"] for quote in evidence.values())),
        )
        self.report.claim(
            "email was filled before and stays", expected="alice@example.com", found=after.get("email")
        )
        self._claim_state("Contacted", after)
        self._claim_logged(call)
