"""The page's own scripts and styles as they are sent: without the comments that are for those who read the source."""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

_TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
_COMMENTS: Final = re.compile(r"^[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/|//.*)[ \t]*$", re.MULTILINE)
"""Comments with lines of their own: in our scripts nothing else, such as a text of several lines, looks like one."""
_VERSION: Final = re.compile(r"v[0-9a-f]{16}")


_KEPT: Final = f"max-age={365 * 24 * 3600}, immutable"


class Assets(StaticFiles):
    """The files of a folder; of scripts and styles, but for those of others in `vendor`, every line stays where it is.

    Each file is at two addresses: at its own, where browsers ask again each time, and below `version()`, where they
    keep it.  What is asked for again is not only as many requests: a browser throws away what it has compiled of a
    script with each answer, "not modified" too, and Plotly alone takes half a second to compile.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        first, _, rest = path.partition(os.sep)
        if not _VERSION.fullmatch(first):
            return await super().get_response(path, scope)
        # A page from before an update still gets what it loads later, as it is now.
        response = await super().get_response(rest or ".", scope)
        if first == self.version():
            response.headers["cache-control"] = _KEPT
        return response

    def version(self) -> str:
        """A folder's name that changes with the content of any file."""
        files = sorted(path for path in Path(str(self.directory)).rglob("*") if path.is_file())
        digests = (f"{file} {_digest(file, file.stat().st_mtime_ns, file.stat().st_size)}" for file in files)
        return "v" + hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        path = Path(full_path)
        if path.suffix not in _TYPES or path.parent.name == "vendor":
            return super().file_response(full_path, stat_result, scope, status_code)
        content = _sent(path, stat_result.st_mtime_ns, stat_result.st_size)
        etag = f'"{stat_result.st_mtime_ns:x}-{stat_result.st_size:x}"'
        response = Response(content, status_code, {"etag": etag}, _TYPES[path.suffix])
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


@lru_cache(maxsize=500)
def _digest(path: Path, _changed_ns: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=500)
def _sent(path: Path, _changed_ns: int, _size: int) -> str:
    return without_comments(path.read_text(encoding="utf-8"))


def without_comments(source: str) -> str:
    """A script or style sheet without comments; as many lines, so that what the browser complains of is found."""
    return _COMMENTS.sub(lambda found: "\n" * found[0].count("\n"), source)
