"""Playing many sessions unattended: a file of tasks, worker processes, and the batch's report."""
