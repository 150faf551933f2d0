"""The playbook on the page of its incident: each step as it stands, and buttons for those that people are asked for."""

from pathlib import Path

import pytest

from keepline.call.effects_playbook import SayOfStep
from keepline.desk.app import create_app
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.desk.source import Unavailable
from keepline.incident.plays import PlaybookRun, StepStanding
from keepline.incident.plays_shown import play_told
from keepline.model.playbook import PlaybookStep, StepKind, StepState
from keepline.node.journal import create
from keepline.node.reader import JournalReader, NoJournal
from tests.unit.desk.people.visits import MACHINE_TOKEN, Visitor
from tests.unit.desk.test_incidents import AT_S, FACTS, ID, IncidentSource, Node

STEPS = f"/api/incidents/{ID}/playbook/steps"


class Playing(NodePlaybooks):
    """A node with one playbook at work, which notes what is said of it."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), lambda: None)
        self.said: list[SayOfStep] = []
        self.mistake, self.is_away = "", False
        self.looked = 0
        standings = [
            StepStanding(PlaybookStep("drain", StepKind.DRAIN, "affected"), state=StepState.DONE, by="the node"),
            StepStanding(
                PlaybookStep("ring", StepKind.HUMAN, "supervisor", do="Ring <us>.", good="It is answered."),
                state=StepState.UNDER_WAY, due_at_s=AT_S, is_overdue=True,
            ),
            StepStanding(
                PlaybookStep("home", StepKind.APPROVE, "commander", do="Take it back?", otherwise="approved"),
                state=StepState.UNDER_WAY, until_s=AT_S,
            ),
            StepStanding(PlaybookStep("credit", StepKind.HUMAN, "leader", do="Claim it.")),
        ]  # fmt: skip
        found = PlaybookRun(ID, "r1", "carrier", "A carrier is down", "", "d", AT_S)
        found.standings = {each.step.id: each for each in standings}
        self.whole = play_told(found)

    def play(self, incident: str) -> dict[str, object] | None:
        self.looked += 1
        return self.whole if incident == ID else None

    def say(self, wanted: SayOfStep) -> str:
        if self.is_away:
            raise Unavailable("the node is away")
        self.said.append(wanted)
        return self.mistake


@pytest.fixture
def node() -> Playing:
    return Playing()


@pytest.fixture
def visitor(node: Playing) -> Visitor:
    app = create_app(
        IncidentSource(facts=list(FACTS)), loopback=True, token=lambda: MACHINE_TOKEN, ask_incidents=Node().ask,
        playbooks=node,
    )  # fmt: skip
    headers = {"authorization": f"Bearer {MACHINE_TOKEN}", "host": "127.0.0.1:8080"}
    return Visitor(app, address="127.0.0.1", headers=headers)


def test_a_page_looks_at_the_playbook_once(visitor: Visitor, node: Playing) -> None:
    assert "Leave the playbook" in visitor.page(f"/incidents/{ID}").text
    assert node.looked == 1


def test_who_is_asked_has_buttons_and_nobody_else(visitor: Visitor) -> None:
    shown = visitor.page(f"/incidents/{ID}").text
    assert "Playbook: A carrier is down" in shown
    assert "Ring &lt;us&gt;." in shown
    assert "overdue" in shown
    assert 'name="step" value="ring"' in shown
    assert 'name="step" value="home"' in shown
    assert 'name="step" value="credit"' not in shown, "it is not its turn"
    steps = shown[shown.index('<ol class="steps">') : shown.index("</ol>")]
    assert steps.count('name="said" value="done"') == 1
    assert steps.count('name="said" value="approve"') == 1


def test_a_button_says_it_of_the_step_and_leads_back(visitor: Visitor, node: Playing) -> None:
    pressed = visitor.post(STEPS, {"step": "ring", "said": "done", "why": "both answer"})
    assert (pressed.status, pressed.headers["location"]) == (303, f"/incidents/{ID}#playbook")
    [said] = node.said
    assert (said.incident, said.step, said.said, said.why) == (ID, "ring", "done", "both answer")


def test_a_program_says_the_same_in_json_and_once_for_its_key(visitor: Visitor, node: Playing) -> None:
    told = {"step": "home", "said": "approve"}
    for _ in range(2):
        assert visitor.send(STEPS, told, idempotency_key="k").json == {
            "incident": ID,
            "step": "home",
            "said": "approve",
        }
    assert node.said[0].asked == node.said[1].asked
    assert visitor.send(STEPS, {"step": "home", "said": "perhaps"}).status == 422


def test_what_the_node_refuses_is_said_in_words(visitor: Visitor, node: Playing) -> None:
    node.mistake = "it is over"
    assert visitor.send(STEPS, {"step": "ring", "said": "done"}).json == {"error": "it is over"}
    refused = visitor.post(STEPS, {"step": "ring", "said": "skip"})
    assert (refused.status, "it is over" in refused.text) == (409, True)
    node.is_away = True
    refused = visitor.post(STEPS, {"step": "ring", "said": "done"})
    assert (refused.status, "the node is away" in refused.text) == (503, True)


def test_a_journal_that_cannot_be_read_for_a_moment_is_no_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_reader: JournalReader, _incident: str) -> None:
        raise NoJournal("it cannot be read: database is locked")

    create(tmp_path)
    monkeypatch.setattr(JournalReader, "play", busy)
    with pytest.raises(Unavailable, match="database is locked"):
        NodePlaybooks(tmp_path, lambda: None).play("INC-20251123-1")
