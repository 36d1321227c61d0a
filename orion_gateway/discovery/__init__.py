"""How endpoints stand: what active checks and the attempts of workers say of them.

`health` and `outliers` judge, `schedule` says which check is next; all three are pure. `health_checks` asks.
"""
