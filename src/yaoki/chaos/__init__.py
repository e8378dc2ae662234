"""Chaos: attacks on purpose, between processes (SPEC O5).

    async with FaultProxy("127.0.0.1", 6379) as proxy:     # proxy: a TCP and HTTP proxy that does harm
        proxy.set(Delay(0.2), rate=0.5)                    # faults: what harm

`python -m yaoki.chaos` runs one from the command line. Each name is imported from the module that stands beside it, so importing
this package costs nothing.
"""
