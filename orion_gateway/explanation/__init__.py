"""What becomes of a request under a route table, for people: `orion explain` and the admin API's `/explain` ask."""
