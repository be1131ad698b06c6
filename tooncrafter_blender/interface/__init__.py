"""The "In-between" tab: what can be seen in it and pressed, and the keys for it."""
