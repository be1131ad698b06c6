"""What is chosen once for all files, for a scene, or under a name."""
