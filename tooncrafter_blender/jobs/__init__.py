"""Jobs from the button to the result: queue and worker, folders, the list, and what looks after them."""
