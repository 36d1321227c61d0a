"""What both backends stand on, so that each of them holds only its own subject.

In the order in which a program uses it: `settings` (environment and `.env` files → checked values), `server` (run an
application until a signal), `log` (JSON lines on stderr), `app` (an application with everything below),
`correlation` (one id per request), `errors` (the one error body), `reading` (JSON and query → models),
`replies` (models → JSON), `fields` and `paging` (shapes that models share), `database` (SQLite or PostgreSQL),
`health` (the three health resources), `clock`, `start` (why a program could not start).

Nothing here knows a table or a route of a backend, and nothing here imports the gateway: they meet over HTTP.
"""
