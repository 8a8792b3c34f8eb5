"""What is told to those who watch the hub at work, computed for whoever asks and for nobody else."""
