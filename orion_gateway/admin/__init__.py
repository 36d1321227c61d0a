"""The admin API of the supervisor: health, metrics, status, draining, and who may ask for them."""
