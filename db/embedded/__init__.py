"""A real TimescaleDB without root, Docker or an installation: see docs/embedded-database.md.

Standard library only: `python3 -m tickdeck.db.embedded install` runs before anything else is installed.
"""

from tickdeck.db.embedded.errors import BackupError, EmbeddedUnavailable
from tickdeck.db.embedded.lock import taken
from tickdeck.db.embedded.paths import DATA_DIR_ENV, default_data_dir
from tickdeck.db.embedded.server import EmbeddedServer
from tickdeck.db.embedded.status import Progress, Status

__all__ = [
    "DATA_DIR_ENV",
    "BackupError",
    "EmbeddedServer",
    "EmbeddedUnavailable",
    "Progress",
    "Status",
    "default_data_dir",
    "taken",
]
