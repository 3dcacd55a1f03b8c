"""The Debian mirrors this machine already uses, and what they are called for the release we need.

No mirror is named here: apt knows the machine's own, in any source format and before any `apt-get update`.
"""

from __future__ import annotations

import re
from collections import defaultdict

from tickdeck.db.embedded.errors import EmbeddedUnavailable

SUITE = "trixie"

_RELEASES = "buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable"  # codenames, roles
# 'http://mirror/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz' deb… 0
_INDEX = re.compile(rf"'(\S+)/dists/(?:{_RELEASES})(-updates|-security|/updates|)/main/binary-\S+'")


def debian_mirrors(print_uris: str) -> dict[str, list[str]]:
    """The suites to ask each mirror for, by mirror, from what `apt-get --print-uris update` printed.

    Only sources with Debian's own suite and component names count, which leaves most other repositories out;
    one that slips through fails apt's signature check and is ignored.  Raise `EmbeddedUnavailable` for none.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for mirror, suffix in _INDEX.findall(print_uris):
        suite = SUITE + ("-security" if suffix == "/updates" else suffix)
        if suite not in found[mirror]:
            found[mirror].append(suite)
    if not any(SUITE in suites for suites in found.values()):
        ubuntu = "; Ubuntu's do not carry them" if "ubuntu" in print_uris else ""
        raise EmbeddedUnavailable(
            f"it is made of Debian 13 packages, and none of this machine's apt sources is a Debian mirror{ubuntu}"
        )
    return dict(found)
