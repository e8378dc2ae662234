"""`python -m yaoki` is `yaoki`."""

from __future__ import annotations

from yaoki.cli import main

if __name__ == "__main__":
    main()
