"""The notifications backend: take a message for a person, keep it, deliver it, and say what became of it.

Run it with `python -m backends.notifications`; it listens on port 3003.

| request | answer |
|---|---|
| `POST /api/v1/notifications` | 202 and it, queued |
| `GET /api/v1/notifications?userId=&status=&page=1&limit=20` | 200 and one page, newest first, with the total |
| `GET /api/v1/notifications/{id}` | 200 and it, with status, attempts and times |
| `GET /health`, `/health/live`, `/health/ready` | how the program, its database, its outbox and its delivery do |

A notification to send is `{"userId", "type": "email", "recipient", "subject", "body", "metadata"}`; `metadata` is any
small JSON object, or left out. It goes queued → sending → delivered or failed. An e-mail is delivered as one `.eml`
file in the outbox, `var/outbox` by default. One attempt is made; what a stop or a crash left undone is taken up at the
next start. A notification answered 202 is never lost: it is delivered once or more, always into the same file, or
marked as failed.

Notifications live in `var/notifications.db` (SQLite) or where `NOTIFICATION_DATABASE_URL`, else `DATABASE_URL`, says.
One program delivers from one database: a second one would take up what the first is just sending.

`settings` (variables) · `model` (what is said and answered) · `store` (table and statements) · `mail` (a notification →
a message) · `outbox` (the channel that keeps mail as files) · `delivery` (the task that delivers) · `resources` (the
handlers) · `app` (everything wired).
"""
