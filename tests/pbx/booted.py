"""A systemd of its own: PID 1 in namespaces of its own, on a root folder that has of this machine what it reads.

The network is this machine's, so that telephones reach what runs in there; nothing else is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
USER: Final = "callrouter"
UID: Final = 64_112
PROGRAM: Final = "/opt/callrouter/bin/callrouter"
PBX: Final = "/opt/pbx"
LOGS: Final = "/run/said"
BOOT_S: Final = 30.0
ASKED_S: Final = 120.0
_SYSTEMD: Final = "/usr/lib/systemd/systemd"
_PATH: Final = "/usr/bin:/usr/sbin:/bin:/sbin"
_SPACES: Final = ("--fork", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--kill-child")

_MAKE: Final = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1g root "$NEW"
cd "$NEW"
mkdir -p usr etc/systemd/system etc/callrouter run proc sys dev tmp var/tmp var/lib var/log opt root home old
mkdir -p opt/checkout opt/packages opt/python opt/pbx opt/callrouter/bin "opt/callrouter/$LIB"
chmod 1777 tmp var/tmp
for folder in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$folder" ]; then cp -a "/$folder" "$folder"
    elif [ -d "/$folder" ]; then mkdir "$folder"; mount --rbind -o ro "/$folder" "$folder"; fi
done
read_only() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
read_only /usr usr
read_only "$CHECKOUT" opt/checkout
read_only "$PACKAGES" opt/packages
if [ -n "$PYTHON" ]; then read_only "$PYTHON" opt/python; fi
if [ -n "$PBX_ROOT" ]; then read_only "$PBX_ROOT" opt/pbx; fi
for file in nsswitch.conf ld.so.cache ld.so.conf localtime hosts os-release ssl alternatives; do
    if [ -e "/etc/$file" ]; then cp -a "/etc/$file" etc/; fi
done
grep -E '^(root|nobody):' /etc/passwd > etc/passwd
echo "callrouter:x:$ID:$ID::/var/lib/callrouter:/usr/sbin/nologin" >> etc/passwd
grep -E '^(root|nogroup|nobody|tty|adm):' /etc/group > etc/group
echo "callrouter:x:$ID:" >> etc/group
echo 0123456789abcdef0123456789abcdef > etc/machine-id
mount -t proc proc proc
# The kernel is the machine's: nothing in here may set it, and no unit but ours and these is there to be started.
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=755 units usr/lib/systemd/system
for target in sysinit basic sockets timers paths slices network network-online multi-user shutdown umount final; do
    cp "/usr/lib/systemd/system/$target.target" usr/lib/systemd/system/
done
if [ -d usr/lib/systemd/system-generators ]; then mount -t tmpfs -o ro none usr/lib/systemd/system-generators; fi
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=755 dev dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
mkdir dev/shm dev/pts dev/mqueue dev/hugepages
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 pts dev/pts
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd; touch dev/console
mkdir -m 755 run/said
cp -a "$MADE/." .
# A Python that lies elsewhere may have its library beside it.
if [ -n "$PYTHON" ]; then echo /opt/python/lib > etc/ld.so.conf; chroot . ldconfig; fi
pivot_root . old
umount -l /old
exec env -i container=other PATH=/usr/bin:/usr/sbin "$SYSTEMD" --system --unit=booted.target --show-status=no
"""


class Unbootable(Exception):
    """No systemd can be started here; why, for the one who reads which tests were skipped."""


class Booted:
    """A systemd that runs. `root` is its root folder, as seen from outside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def run(self, *words: str, check: bool = True, within: float = ASKED_S) -> subprocess.CompletedProcess[str]:
        """Run a command in there as root."""
        done = subprocess.run(
            ("nsenter", "-t", str(self.pid), "-a", "env", "-i", f"PATH={_PATH}", *words),
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}")
        return done

    def callrouter(self, *words: str, environment: Mapping[str, str]) -> str:
        """Run a command of callrouter in there as its user, and return what it says."""
        given = [f"{name}={value}" for name, value in environment.items()]
        as_user = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "env", *given)
        return self.run(*as_user, PROGRAM, *words).stdout

    def asked(self, unit: str, what: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", what, unit).stdout.strip()

    def logs(self, last: int = 4_000) -> str:
        """Return the ends of what the units have written."""
        found = sorted((self.root / LOGS[1:]).glob("*"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-last:]}" for file in found)


@contextlib.contextmanager
def booted(pbx_root: Path | None) -> Iterator[Booted]:
    """Run a systemd with the units and the program of this checkout, which are not started. Raises Unbootable."""
    group = _possible()
    with tempfile.TemporaryDirectory(prefix="booted-") as name:
        new, made = Path(name) / "new", Path(name) / "made"
        new.mkdir()
        _put(made)
        python = Path(sys.base_prefix)
        environment = {
            "PATH": _PATH,
            "NEW": str(new),
            "MADE": str(made),
            "ID": str(UID),
            "LIB": _library(),
            "CHECKOUT": str(ROOT),
            "PACKAGES": sysconfig.get_path("purelib"),
            "PYTHON": "" if python == Path("/usr") else str(python),
            "PBX_ROOT": str(pbx_root.resolve()) if pbx_root else "",
            "SYSTEMD": _SYSTEMD,
        }
        group.mkdir()
        try:
            enter = f'echo $$ > "{group}/cgroup.procs" && exec unshare "$@"'
            process = subprocess.Popen(
                ("sh", "-c", enter, "sh", *_SPACES, "sh", "-c", _MAKE), env=environment, stderr=subprocess.PIPE
            )
            try:
                yield _until_up(process)
            finally:
                _end(process)
        finally:
            _remove(group)


def _possible() -> Path:
    """Return the control group to be made for it. Raises Unbootable."""
    if os.geteuid() != 0:
        raise Unbootable("only root can start a systemd in namespaces of its own")
    if missing := [word for word in ("unshare", "nsenter", "setpriv", _SYSTEMD) if shutil.which(word) is None]:
        raise Unbootable(f"not on this machine: {', '.join(missing)}")
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    unified = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if unified is None or not os.access(unified, os.W_OK):
        raise Unbootable("there is no cgroup2 that may be written")
    trial = "mount --make-rprivate / && mount -t cgroup2 x /mnt && mount -t tmpfs x /mnt"
    done = subprocess.run(
        ("unshare", *_SPACES, "sh", "-c", trial), capture_output=True, text=True, timeout=BOOT_S, check=False
    )
    if done.returncode != 0:
        raise Unbootable(f"namespaces are refused: {done.stderr.strip()}")
    return unified / f"callrouter-booted-{os.getpid()}-{time.monotonic_ns()}"


def _library() -> str:
    return f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def _put(made: Path) -> None:
    """Write what the root folder has of its own: units, program, a target."""
    units = made / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in (ROOT / "systemd").iterdir():
        shutil.copy(unit, units)
    (units / "booted.target").write_text("[Unit]\nDescription=Nothing but what is asked for\n")
    # There is no journald in here.
    log = units / "service.d"
    log.mkdir()
    (log / "log.conf").write_text(f"[Service]\nStandardOutput=append:{LOGS}/%N\nStandardError=append:{LOGS}/%N\n")
    program = made / "opt/callrouter/bin"
    program.mkdir(parents=True)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home = "/usr/bin" if Path(sys.base_prefix) == Path("/usr") else "/opt/python/bin"
    (made / "opt/callrouter/pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    (program / "python").symlink_to(f"{home}/{python}")
    start = program / "callrouter"
    start.write_text("#!/opt/callrouter/bin/python\nfrom callrouter.cli import main\nmain()\n")
    start.chmod(0o755)
    packages = made / "opt/callrouter" / _library()
    packages.mkdir(parents=True)
    (packages / "there.pth").write_text("/opt/checkout\n/opt/packages\n")


def _until_up(process: subprocess.Popen[bytes]) -> Booted:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + BOOT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"systemd did not start: {process.stderr.read().decode()}")
        if child := children.read_text().split():
            up = Booted(int(child[0]))
            if up.run("systemctl", "is-active", "booted.target", check=False).stdout.strip() == "active":
                return up
        time.sleep(0.1)
    raise AssertionError(f"systemd was not up within {BOOT_S:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill PID 1 of the namespace; the kernel kills the rest of it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    try:
        process.wait(BOOT_S)
    finally:
        process.kill()
        if process.stderr is not None:
            process.stderr.close()


def _remove(group: Path) -> None:
    end = time.monotonic() + BOOT_S
    while True:
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        try:
            group.rmdir()
        except OSError:  # what was killed is not gone yet
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
