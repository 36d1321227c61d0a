"""The configuration: one YAML route table, read into frozen, typed values, with a place for every mistake.

`load` is the way in. Nothing here opens a socket or knows how a request is forwarded; only `app` and the commands read
the model.
"""
