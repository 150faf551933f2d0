"""Who is told what of an incident, when; other words than the approved; promises; exercises. Pure."""

import json
from dataclasses import replace
from typing import Any

import pytest

from keepline.call.deciding import action_of
from keepline.call.effects import Persist
from keepline.call.effects_incident import ProcessDied
from keepline.call.effects_message import DecideMessage, SendMessage, SetGreeting
from keepline.call.effects_person import Decide
from keepline.call.facts.message import (
    GreetingLifted,
    GreetingSet,
    MessageDecided,
    MessageEdited,
    MessageSent,
    UpdateMissed,
)
from keepline.call.facts.person import PersonDecided
from keepline.call.turn import Turn
from keepline.connectors.interface import Asked
from keepline.connectors.notes import OutgoingNote, note_of
from keepline.flow.playbook import MESSAGE
from keepline.flow.telling import DELIVERY, GREET, PUBLISH, delivery_of
from keepline.incident.message_book import MESSAGE_TRANSITIONS, MessageBook, MessagePhase
from keepline.model.exercise import ABOVE, spoken_mark
from keepline.model.incident import IncidentSettings
from keepline.model.limits_messages import (
    MESSAGE_SUBJECT_CHARS_MAX,
    MESSAGE_TEXT_CHARS_MAX,
    MESSAGE_WORDS_CHARS_MAX,
    MESSAGES_KEPT_MAX,
)
from keepline.model.messages import Approval
from keepline.model.outlets import send_action
from keepline.node.message_commands import message_request, message_wanted
from tests.unit.incident.telling_desk import AT_S, OPEN, SETTINGS, TellingDesk, told_operation

EDIT = SendMessage("b1", "INC-20251123-1", "agents", "ada", "Cards: mind", "Do not promise a time.")


def approve(by: str = "grace", message: str = "", asked: str = "c1") -> DecideMessage:
    return DecideMessage(asked, message, True, by)


@pytest.mark.parametrize("asked", [EDIT, replace(EDIT, text="", subject=""), approve(message="m1")])
def test_commands_arrive_as_they_were_sent(asked: SendMessage | DecideMessage) -> None:
    assert message_wanted(message_request(asked)) == asked


# Approved words -------------------------------------------------------------------------------------------------------


def test_the_public_is_not_told_that_a_process_died_once_but_of_one_that_dies_again_and_again() -> None:
    settings = replace(SETTINGS, sets={"node": SETTINGS.sets["payments"]})
    desk = TellingDesk(settings)
    desk.exchange.follower.use(replace(told_operation(settings), incidents=IncidentSettings()))
    desk.give(ProcessDied("desk", 0, "signal 9"))
    assert desk.sent() == [("opened", "agents")]
    desk.now_s += 1.0
    desk.give(ProcessDied("desk", 3, "exit 1"))
    assert desk.sent() == [("opened", "agents"), ("opened", "callers"), ("opened", "status_page")]
    desk.pass_time(10.0)
    assert len(desk.sent()) == 3, "each is told once"


def test_approved_words_go_out_in_the_turn_of_the_incident() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    assert desk.sent() == [("opened", "callers"), ("opened", "agents"), ("opened", "status_page")]
    agents = desk.of(MessageSent)[1]
    assert agents.contacts == ("mara", "tom")
    assert json.loads(agents.words)["en"] == ["Cards", "Since 12:13 cards fail. Next by 12:43."]
    mara, tom = map(delivery_of, desk.runs(DELIVERY))
    assert (mara.contact, mara.subject, mara.text) == ("mara", "Karten", "Karten gehen nicht.")
    assert (tom.contact, tom.text) == ("tom", "Since 12:13 cards fail. Next by 12:43.")
    assert mara.channels == (("mail", "mara@x.example"), ("hook", "h1"))
    [page] = desk.runs(PUBLISH)
    assert (page["incident"], page["status"], page["impact"], page["components"]) == (
        id_, "investigating", "major", ["Cards"],
    )  # fmt: skip
    [greeting] = desk.runs(GREET)
    assert (greeting["texts"], greeting["standing"]) == ({"en": "Cards fail since 12:13."}, {"en": "Cards fail now."})


def test_an_incident_of_which_there_are_no_words_is_told_to_nobody() -> None:
    desk = TellingDesk()
    desk.open(replace(OPEN, about="carrier"))
    assert desk.sent() == []
    assert desk.ask(SendMessage("b1", "INC-20251123-1", "agents", "ada")).mistake.startswith(
        "the operation has no words"
    )


def test_an_update_goes_out_at_once_and_the_end_by_itself() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    desk.pass_time(600.0)
    first = desk.ask(SendMessage("b1", id_, "agents", "ada"))
    assert first.mistake == ""
    assert desk.ask(SendMessage("b1", id_, "agents", "ada")) == first  # asked again
    assert desk.sent()[3:] == [("update", "agents")]
    assert json.loads(desk.of(MessageSent)[-1].words)["en"][1] == "Still: 10 minutes."
    desk.close(id_)
    assert desk.sent()[4:] == [("closed", "agents"), ("closed", "status_page")]
    assert desk.runs(PUBLISH)[-1]["status"] == "resolved"
    assert (
        desk.ask(SendMessage("b2", id_, "agents", "ada")).mistake == f"{id_} is closed: its last message has gone out"
    )


def test_a_process_that_takes_over_tells_nobody_again() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    desk.ask(SendMessage("b1", id_, "agents", "ada"))
    before = desk.sent()
    desk.restart()
    desk.ask(SendMessage("b1", id_, "agents", "ada"))
    assert desk.sent() == before


def told_by_playbook(desk: TellingDesk, audience: str) -> tuple[dict[str, Any], list[str]]:
    """What a step comes to, and whom it has told."""
    turn = Turn(desk.now_s, desk.exchange.services)
    said = {"incident": "INC-20251123-1", "step": "tell", "message": audience}
    told = desk.exchange.runs.acts[MESSAGE](turn, None, said)  # type: ignore[arg-type]
    sent = [each.fact for each in turn.effects if isinstance(each, Persist) and isinstance(each.fact, MessageSent)]
    return told, [f"{each.audience} by {each.by}" for each in sent]


def test_a_playbook_tells_an_audience_or_everybody_for_whom_there_are_words() -> None:
    desk = TellingDesk()
    desk.open()
    by = "playbook of INC-20251123-1"
    assert told_by_playbook(desk, "agents") == (
        {"run": "", "is_fine": True, "why": "sent to agents"},
        [f"agents by {by}"],
    )
    _, everybody = told_by_playbook(desk, "everybody")
    assert everybody == [f"{each} by {by}" for each in ("callers", "agents", "status_page")]
    told, nobody = told_by_playbook(desk, "vendor")
    assert (told["is_fine"], nobody) == (False, [])
    assert told["why"].startswith("the operation has no words of payments for vendor")
    desk.close("INC-20251123-1")
    told, nobody = told_by_playbook(desk, "everybody")
    assert (told["is_fine"], nobody) == (False, [])


# Edited words ---------------------------------------------------------------------------------------------------------


def test_edited_words_wait_for_a_second_person() -> None:
    desk = TellingDesk()
    desk.open()
    before = desk.sent()
    message = desk.ask(EDIT).message
    assert desk.sent() == before
    assert [(each.text, each.otherwise) for each in desk.of(MessageEdited)] == [(EDIT.text, "approved")]
    refused = desk.ask(approve("Ada ", message))
    assert refused.mistake == "Ada  wrote it: a second person has to decide"
    desk.restart()
    assert desk.ask(approve("grace", message)).mistake == ""
    assert json.loads(desk.of(MessageSent)[-1].words)["en"] == ["Cards: mind", "Do not promise a time."]
    assert desk.of(MessageSent)[-1].edited
    assert desk.ask(approve("grace", message, "c1")).mistake == ""  # asked again
    assert desk.ask(DecideMessage("c2", message, False, "grace")).mistake == "it is decided: approved grace"
    assert desk.sent()[len(before) :] == [("update", "agents")]


def test_other_words_in_their_place_wait_for_yet_another_person() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    first = desk.ask(EDIT).message
    mended = replace(EDIT, asked="b2", by="grace", text="Promise nothing.", instead=first)
    assert message_wanted(message_request(mended)) == mended
    assert desk.ask(replace(mended, text="", subject="")).mistake.startswith("say which words stand in its place")
    assert desk.ask(replace(mended, audience="callers")).mistake.startswith("no edited message")
    second = desk.ask(mended).message
    assert second != first
    assert desk.ask(mended).message == second  # asked again
    assert [(each.verdict, each.by) for each in desk.of(MessageDecided)] == [("replaced", "grace")]
    assert desk.ask(approve("linus", first)).mistake == "it is decided: replaced grace"
    assert desk.ask(replace(mended, asked="b3")).mistake == "it is decided: replaced grace"
    assert desk.ask(approve("GRACE", second)).mistake.endswith("a second person has to decide")
    assert desk.ask(approve("ada", second, "c2")).mistake == ""
    assert json.loads(desk.of(MessageSent)[-1].words)["en"] == ["Cards: mind", "Promise nothing."]
    assert desk.exchange.follower.telling.book.waiting == []  # type: ignore[attr-defined]
    assert id_ == desk.of(MessageSent)[-1].incident


def test_who_decided_is_known_by_an_account_and_on_record() -> None:
    desk = TellingDesk()
    desk.open()
    desk.give(Decide("b1", "ada", "supervisor", "session", *action_of(EDIT), "it is misleading", EDIT))
    [edited] = desk.of(MessageEdited)
    own = approve("ada", edited.message)
    desk.give(Decide("c1", "ada", "supervisor", "session", *action_of(own), "", own))
    assert desk.of(MessageDecided) == []
    assert [each.action for each in desk.of(PersonDecided)] == ["message.edit"]  # what cannot be done is not decided
    other = approve("grace", edited.message, "c2")
    desk.give(Decide("c2", "grace", "leader", "session", *action_of(other), "", other))
    assert [(each.verdict, each.by) for each in desk.of(MessageDecided)] == [("approved", "grace")]
    assert [(each.by, each.how, each.action, each.about) for each in desk.of(PersonDecided)] == [
        ("ada", "session", "message.edit", "INC-20251123-1 agents"),
        ("grace", "session", "message.approve", edited.message),
    ]


def test_who_wrote_it_may_take_it_back() -> None:
    desk = TellingDesk()
    desk.open()
    message = desk.ask(EDIT).message
    assert desk.ask(DecideMessage("c1", message, False, "ada", "I was wrong")).mistake == ""
    assert [(each.verdict, each.by) for each in desk.of(MessageDecided)] == [("rejected", "ada")]


def test_what_is_rejected_is_not_sent() -> None:
    desk = TellingDesk()
    desk.open()
    before = desk.sent()
    message = desk.ask(EDIT).message
    assert desk.ask(DecideMessage("c1", message, False, "grace", "too long")).mistake == ""
    desk.pass_time(700.0)
    assert desk.sent() == before
    assert [each.verdict for each in desk.of(MessageDecided)] == ["rejected"]


@pytest.mark.parametrize(
    ("otherwise", "text"),
    [("edited", "Do not promise a time."), ("approved", "Still: 10 minutes."), ("nothing", None)],
)
def test_where_nobody_decides_in_time_the_declared_default_goes_out(otherwise: str, text: str | None) -> None:
    desk = TellingDesk(replace(SETTINGS, approval=Approval(600.0, otherwise)))
    desk.open()
    count = len(desk.sent())
    desk.ask(EDIT)
    desk.pass_time(599.0)
    assert len(desk.sent()) == count
    desk.restart()
    desk.pass_time(1.0)
    assert [each.verdict for each in desk.of(MessageDecided)] == ["overdue"]
    told = [json.loads(each.words)["en"][1] for each in desk.of(MessageSent)[count:]]
    assert told == ([] if text is None else [text])


def test_what_waits_when_the_incident_closes_is_over() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    message = desk.ask(EDIT).message
    desk.close(id_)
    assert [each.verdict for each in desk.of(MessageDecided)] == ["over"]
    assert desk.ask(approve("grace", message)).mistake == "it is decided: over"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"incident": "INC-20251123-9"}, "there is no incident"),
        ({"audience": "everybody"}, "'everybody' is nobody"),
        ({"audience": "vendor"}, "the operation has no words of payments for vendor"),
        ({"by": " "}, "say who wants it"),
        ({"by": "x" * (MESSAGE_WORDS_CHARS_MAX + 1)}, "say who wants it"),
        ({"text": "x" * (MESSAGE_TEXT_CHARS_MAX + 1)}, "a text has up to"),
        ({"subject": "x" * (MESSAGE_SUBJECT_CHARS_MAX + 1)}, "a text has up to"),
        ({"subject": "Cards\r\nBcc: x"}, "a subject is one line"),
        ({"subject": ""}, "edited words need a subject"),
        ({"text": ""}, "a subject needs a text"),
    ],
)
def test_what_cannot_be_sent(more: dict[str, str], told: str) -> None:
    desk = TellingDesk()
    desk.open()
    before = list(desk.facts)
    assert told in desk.ask(replace(EDIT, **more)).mistake
    assert desk.facts == before


# Promises -------------------------------------------------------------------------------------------------------------


def test_a_promise_of_the_next_message_that_is_not_kept_is_an_alarm() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    desk.pass_time(1_799.0)
    assert desk.of(UpdateMissed) == []
    desk.restart()
    desk.pass_time(1.0)
    assert [(each.incident, each.due_s) for each in desk.of(UpdateMissed)] == [(id_, AT_S + 1_800.0)]
    assert [each.event for each in desk.reports if each.event == "update_missed"] == ["update_missed"]
    alarm = delivery_of(desk.runs(DELIVERY)[-1])
    assert (alarm.contact, alarm.subject) == ("mara", f"Overdue: {id_}")
    assert "promised by 12:43" in alarm.text
    desk.pass_time(3_600.0)
    assert len(desk.of(UpdateMissed)) == 1


def test_a_message_in_time_moves_the_promise_and_the_end_ends_it() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    desk.pass_time(1_700.0)
    desk.ask(SendMessage("b1", id_, "agents", "ada"))
    desk.pass_time(1_700.0)
    assert desk.of(UpdateMissed) == []
    desk.close(id_)
    desk.pass_time(7_200.0)
    assert desk.of(UpdateMissed) == []


# The greeting ---------------------------------------------------------------------------------------------------------


def greeting(desk: TellingDesk, text: str, at: int = -1) -> SetGreeting:
    message = [each for each in desk.of(MessageSent) if each.audience == "callers"][at]
    return SetGreeting(message.incident, message.message, json.dumps({"en": text}), message.exercise)


def test_callers_hear_it_while_the_incident_is_open_and_no_longer() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    greetings = lambda: desk.exchange.greetings.of("es", "en", desk.now_s)  # noqa: E731
    assert greetings() == ("", "")
    desk.give(greeting(desk, "Cards fail."))
    desk.give(greeting(desk, "Cards fail."))  # again
    assert greetings() == ("Cards fail.", "en")
    assert len(desk.of(GreetingSet)) == 1
    desk.restart()
    assert greetings() == ("Cards fail.", "en")
    desk.close(id_)
    assert greetings() == ("", "")
    assert len(desk.of(GreetingLifted)) == 1
    desk.give(greeting(desk, "Too late."))
    assert greetings() == ("", "")


def test_a_greeting_that_is_ready_late_does_not_replace_a_newer_one_and_ends_by_itself() -> None:
    desk = TellingDesk()
    id_ = desk.open()
    old = greeting(desk, "Old.")
    desk.pass_time(10.0)
    desk.ask(SendMessage("b1", id_, "callers", "ada"))
    desk.give(greeting(desk, "New."))
    desk.give(old)
    assert desk.exchange.greetings.of("en", "en", desk.now_s) == ("New.", "en")
    assert desk.exchange.greetings.of("en", "en", desk.now_s + SETTINGS.expires_s) == ("", "")


# Exercises ------------------------------------------------------------------------------------------------------------


def test_an_exercise_says_so_wherever_it_is_told() -> None:
    desk = TellingDesk()
    desk.open(replace(OPEN, exercise="drill-7"))
    desk.ask(EDIT)
    desk.pass_time(2_000.0)  # the approved words, since nobody decides
    desk.pass_time(2_000.0)  # the alarm
    for told in desk.runs(DELIVERY):
        plan = delivery_of(told)
        for doubt in ("", "mail"):
            note = note_of(
                Asked("send", send_action(5.0, idempotent=True), plan.arguments("a@b.example", doubt), "k", 5.0)
            )
            assert isinstance(note, OutgoingNote), note
            assert note.subject.startswith("EXERCISE: ")
            assert note.text.startswith(ABOVE)
    assert len(desk.runs(DELIVERY)) == 5  # two contacts twice, and the alarm
    for page in desk.runs(PUBLISH):
        assert page["subject"].startswith("EXERCISE: ")
        assert page["text"].startswith(ABOVE)
    for spoken in desk.runs(GREET):
        for text in (*spoken["texts"].values(), *spoken["standing"].values()):
            assert text.startswith(spoken_mark("en"))


# The book -------------------------------------------------------------------------------------------------------------


def test_a_message_goes_out_once_and_is_decided_about_once() -> None:
    assert {(MessagePhase.SENT, kind) for kind in (MessageDecided, MessageSent)} & set(MESSAGE_TRANSITIONS) == set()


def test_the_book_has_an_end() -> None:
    book = MessageBook()
    for n in range(MESSAGES_KEPT_MAX + 3):
        book.note(MessageSent("messages", 0.0, f"m{n}", "INC-1", "update", "agents", "{}", (), asked=f"a{n}"))
    assert len(book.messages) == MESSAGES_KEPT_MAX
    assert (book.asked_for("a0"), book.asked_for("a9")) == ("", "m9")
    assert book.count("INC-1", "agents") == MESSAGES_KEPT_MAX + 3
