"""Pure decisions: what expires when, what a text costs, what recall ranks first. No I/O, no clock, no client."""
