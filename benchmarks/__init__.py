"""What the chain costs, side by side with the best and the usual way of writing it. `python -m benchmarks --help`."""
