"""The two applications that the gateway fronts, `users` and `notifications`, and `common`, what both stand on.

They are programs of their own: they import nothing of the gateway and meet it only over HTTP.
"""
