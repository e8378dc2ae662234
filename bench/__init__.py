"""What a guarded call costs: Yaoki beside a bare call, a hand-written wrapper and its peers (SPEC X3). `python -m bench --help`."""
