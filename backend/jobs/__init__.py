"""From a job folder to its drawings: one job (`run`), many on this machine (`batch`) or on others (`farm`)."""
