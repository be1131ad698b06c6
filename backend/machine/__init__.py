"""What the machine underneath is and lets us have: devices, graphics cards, memory, threads."""
