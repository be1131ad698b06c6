"""The face of each command on the command line: its options, and what it says. What it does lies elsewhere."""
