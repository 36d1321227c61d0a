"""What the gateway tells about itself: the access log, the program's own log, metrics."""
