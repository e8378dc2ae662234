"""What is wrong in all pools: detected, recovered through the core's loop, told with the command that mends it."""
