"""What a run tells while it goes on: progress, metrics, log events."""
