"""Find the route that takes a request. Pure decisions over bytes: no socket, no clock, no configuration model.

`path` judges what came, `table` finds the route, `rewrite` says what is sent on, `explain` tells a person why, and
`lint` finds routes that can never win. The order of routes is written down once, in `precedence`.
"""
