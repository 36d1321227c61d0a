"""Conversations byte for byte: what client and endpoint send, and what each must receive.

A file holds transcripts that begin with `== title`. Its lines:

    = word ...               a gateway that differs: a word of `test_transcripts.SETTINGS`, `draining` (it shuts down),
                             `strict` (no route takes whatever no other does)
    # ...                    a comment
    client → text            the client sends the text and CRLF
    client ← text            the client must receive the text and CRLF
    endpoint ← text          what the endpoint must receive
    endpoint → text          what it sends
    client ! ends            half-closes; `closes`, `resets` likewise; for either side
    client ! closed          must see the connection end in order; `reset` likewise
    time passes 31           seconds, for the gateway
    log 502 http_request_error   the next record of the access log: status and reason, `-` for none

`client 2`, `endpoint 2` is the second connection of that side. A text that ends in `\\` has no CRLF; `\\r`, `\\n`,
`\\t`, `\\\\`, `\\xNN` are bytes. In what must be received `<word>` stands for any run of bytes in a line, and `<any>`
for any run at all. Lines in a row of one side and direction are one packet; an empty line parts two.

At the end nobody may have received a byte, a connection or a record that the transcript does not tell of.
"""
