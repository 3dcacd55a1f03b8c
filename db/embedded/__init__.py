"""A real TimescaleDB without root, Docker or an installation: see docs/embedded-database.md.

Standard library only: `python3 -m db.embedded install` runs before anything else is installed.
"""

from db.embedded.errors import EmbeddedUnavailable
from db.embedded.paths import DATA_DIR_ENV, default_data_dir
from db.embedded.server import EmbeddedServer
from db.embedded.status import Progress, Status

__all__ = ["DATA_DIR_ENV", "EmbeddedServer", "EmbeddedUnavailable", "Progress", "Status", "default_data_dir"]
