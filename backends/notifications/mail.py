"""Make an Internet message (RFC 5322, with addresses in UTF-8 by RFC 6532) of an e-mail notification. Pure.

The header section is written here and not by `EmailMessage`: that decodes whatever looks like an encoded word
(RFC 2047) in a value that it is given, so that a subject with an encoded line break would become a second field.
"""

from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from .model import Notification

LINE = 78 - len("Subject: ")
"""What fits on one line (RFC 5322, section 2.1.1)."""


def render_mail(notification: Notification, sender: str) -> bytes:
    """Return the message, lines ended by CR LF.

    Its Message-ID is made from the notification's id: a receiver that gets it twice can tell.
    """
    fields = {
        "Message-ID": f"<{notification.id}@{sender.rpartition('@')[2]}>",
        "Date": format_datetime(notification.created_at),
        "From": sender,
        "To": notification.recipient,
        "Subject": _encode_subject(notification.subject),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    content = EmailMessage(policy=SMTP)
    content.set_content(notification.body)
    return head.encode() + content.as_bytes()


def _encode_subject(subject: str) -> str:
    # What looks like an encoded word is encoded itself, so that it is read as it was written.
    if subject.isascii() and len(subject) <= LINE and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
