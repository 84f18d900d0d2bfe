"""A trail as one page that needs nothing else."""
