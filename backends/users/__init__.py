"""The users backend: who the people are. Run it with `python -m backends.users`; it listens on port 3002.

| request | answer |
|---|---|
| `POST /api/v1/users` `{"email", "name"}` | 201 and the user; 409 when the address is taken, whatever its case |
| `GET /api/v1/users?page=1&limit=20` | 200 and one page, newest first, with the total |
| `GET /api/v1/users/{id}` | 200 and the user |
| `PATCH /api/v1/users/{id}` | 200 and the user with what was sent changed (RFC 7396); `null` clears the name |
| `DELETE /api/v1/users/{id}` | 204 |
| `GET /health`, `/health/live`, `/health/ready` | how the program and its database do |

Settings: `settings` lists the variables. Users live in `var/users.db` (SQLite) or where `DATABASE_URL` says.
Passwords, sessions and roles are not here yet: a field that is not in the table above is refused.

`settings` (variables) · `model` (what is said and answered) · `store` (table and statements) · `resources` (the
handlers) · `app` (everything wired).
"""
