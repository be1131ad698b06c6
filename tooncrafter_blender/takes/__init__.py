"""Takes of one job: drawn side by side, marked, kept, discarded, single drawings of them made again."""
