"""`python -m tickdeck`: the `tickdeck` command."""

from __future__ import annotations

from tickdeck.app.cli.main import main

if __name__ == "__main__":
    main()
