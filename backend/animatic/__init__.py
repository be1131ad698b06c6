"""The animatic of a storyboard: a board with durations in, one in-betweened sequence for each shot out."""
