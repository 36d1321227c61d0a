"""Messages as other mail programs read them."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from backends.common.fields import Email, Line, Text
from backends.notifications.mail import render_mail
from backends.notifications.model import Notification, Status


def notification(**fields: object) -> Notification:
    """Return a notification about nothing in particular."""
    values: dict[str, object] = {
        "id": uuid4(),
        "user_id": "7",
        "type": "email",
        "recipient": "ada@example.org",
        "subject": "Hello",
        "body": "Hello, Ada.\n",
        "metadata": {},
        "status": Status.SENDING,
        "attempts": 1,
        "error": None,
        "correlation_id": "c",
        "created_at": datetime(2025, 1, 18, 14, 30, tzinfo=UTC),
        "last_attempt": None,
        "sent_at": None,
        "delivered_at": None,
        "failed_at": None,
    }
    return Notification.model_validate({**values, **fields})


def test_a_message_has_what_mail_programs_need() -> None:
    """It would be shown without sender, date or subject, or twice when it is delivered twice."""
    one = notification()
    content = render_mail(one, "orion@example.org")
    message = message_from_bytes(content, policy=default)
    assert message["From"] == "orion@example.org"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Hello"
    assert message["Date"].datetime == one.created_at
    assert message["Message-ID"] == f"<{one.id}@example.org>"
    assert message.get_content() == "Hello, Ada.\r\n"
    assert content == render_mail(one, "orion@example.org")
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_addresses_beyond_ascii_stay_whole() -> None:
    """Mail to jürgen@exämple.org would go nowhere."""
    content = render_mail(notification(recipient="jürgen@exämple.org"), "orion@example.org")
    assert "To: jürgen@exämple.org\r\n" in content.decode()


@pytest.mark.parametrize(
    "subject",
    ["=?utf-8?q?a=0D=0ABcc:_eve@example.net?=", "=?utf-8?b?YQ0KQmNjOiBl?= x", "=?utf-8?q?=41?=", "really=?", "x" * 200],
)
def test_a_subject_that_looks_encoded_is_read_as_it_was_written(subject: str) -> None:
    """A sender could add a Bcc field by an encoded line break."""
    message = message_from_bytes(render_mail(notification(subject=subject), "orion@example.org"), policy=default)
    assert message.keys()[:6] == ["Message-ID", "Date", "From", "To", "Subject", "Content-Type"]
    assert message["Subject"] == subject


def test_an_address_that_looks_encoded_adds_no_field() -> None:
    """A sender could add a field by the recipient, whose local part may have = and ?."""
    address = TypeAdapter(Email).validate_python("=?utf-8?q?a=0D=0ABcc=3Aeve?=@example.org")
    content = render_mail(notification(recipient=address), "orion@example.org")
    assert f"\r\nTo: {address}\r\nSubject: ".encode() in content
    assert b"\r\nBcc" not in content


def accepted(shape: TypeAdapter[str], text: str) -> str | None:
    try:
        return shape.validate_python(text)
    except ValidationError:
        return None


characters = st.characters(exclude_categories=["Cs"])
some_subjects = st.text(characters | st.sampled_from("=? \r\n"), max_size=200)
some_bodies = st.text(characters | st.sampled_from("\n\r\t"), max_size=500)
subjects = some_subjects.map(lambda text: accepted(TypeAdapter(Line), text)).filter(bool)
bodies = some_bodies.map(lambda text: accepted(TypeAdapter(Text), text)).filter(bool)


@given(subject=subjects, body=bodies)
def test_whatever_is_accepted_can_be_read_back(subject: str, body: str) -> None:
    """Some subject or body would be garbled, add header fields of its own, or could never be delivered."""
    message = message_from_bytes(
        render_mail(notification(subject=subject, body=body), "orion@example.org"), policy=default
    )
    assert not message.defects
    assert message.keys()[:5] == ["Message-ID", "Date", "From", "To", "Subject"]
    assert message["Subject"] == subject
    assert message.get_content().splitlines() == body.splitlines()
