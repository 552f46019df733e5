"""The file that replaces the published one may be read by whom the old one could be, and by nobody else."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import struct
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.loading import access
from ai_gateway_billing_pipeline.loading.workspace import Workspace

ACL = "system.posix_acl_access"
USER, GROUP, MASK, OTHERS = 0x02, 0x04, 0x10, 0x20
OWNER, NOBODY = 0x01, 0xFFFFFFFF
READ = 4

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access list of (tag, permissions, id) as the kernel takes it."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ONE_READER = acl((OWNER, 6, NOBODY), (USER, READ, 4321), (GROUP, 0, NOBODY), (MASK, READ, NOBODY), (OTHERS, 0, NOBODY))
GROUP_READS = acl((OWNER, 6, NOBODY), (USER, 6, 4321), (GROUP, READ, NOBODY), (MASK, 6, NOBODY), (OTHERS, 0, NOBODY))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The old file and the new one, both for their owner alone."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch(0o600)
    new.touch(0o600)
    return old, new


@pytest.fixture
def listed(files: tuple[Path, Path]) -> tuple[Path, Path]:
    """The same, the old one with an access list."""
    try:
        os.setxattr(files[0], ACL, ONE_READER)
    except (OSError, AttributeError):
        pytest.skip("no access lists here")
    return files


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str, number: int = errno.EPERM) -> None:
    def cannot(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    for name in names:
        monkeypatch.setattr(os, name, cannot)


def bits(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o660, 0o400, 0o444, 0o604])
def test_the_mode_stays_as_it_was_set(files: tuple[Path, Path], mode: int) -> None:
    old, new = files
    old.chmod(mode)

    assert access.carry(old, new) == []
    assert bits(new) == mode


@root
def test_the_group_stays_when_the_owner_cannot(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of alice's that the group analysts may read, loaded by bob, who is a member."""
    old, new = files
    os.chown(old, 1234, 2345)
    old.chmod(0o640)
    chown = os.chown

    def chown_as_bob(path: Path, owner: int, group: int) -> None:
        if owner != -1:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        chown(path, owner, group)

    monkeypatch.setattr(os, "chown", chown_as_bob)
    told = access.carry(old, new)

    assert (new.stat().st_gid, bits(new)) == (2345, 0o640)
    assert told == ["Its owner 1234 could not be kept (Operation not permitted)."]


@root
@pytest.mark.parametrize(("mode", "narrowed"), [(0o640, 0o600), (0o644, 0o644), (0o664, 0o644), (0o604, 0o600)])
def test_another_group_may_no_more_than_all_others(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, mode: int, narrowed: int
) -> None:
    old, new = files
    os.chown(old, 1234, 2345)
    old.chmod(mode)
    refuse(monkeypatch, "chown")

    told = access.carry(old, new)

    assert bits(new) == narrowed
    assert len(told) == 2


def test_an_access_list_is_carried_over(listed: tuple[Path, Path]) -> None:
    old, new = listed

    assert access.carry(old, new) == []
    assert os.getxattr(new, ACL) == ONE_READER
    assert bits(new) == bits(old)


def test_a_list_that_cannot_be_kept_gives_its_mask_to_nobody(
    listed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file shows 0640, whose middle digit is what the one user of the list may do at most."""
    old, new = listed
    assert bits(old) == 0o640
    refuse(monkeypatch, "setxattr", number=errno.ENOTSUP)

    told = access.carry(old, new)

    assert bits(new) == 0o600
    assert told == ["Its access list could not be kept (Operation not supported)."]


@root
def test_a_list_in_another_group_gives_that_no_more_than_all_others(
    listed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = listed
    os.chown(old, 1234, 2345)
    os.setxattr(old, ACL, GROUP_READS)
    refuse(monkeypatch, "chown")

    access.carry(old, new)

    entries = {tag: permissions for tag, permissions, _ in struct.iter_unpack("<HHI", os.getxattr(new, ACL)[4:])}
    assert (entries[USER], entries[GROUP], entries[OTHERS]) == (6, 0, 0)


def test_a_list_of_the_folder_does_not_open_the_file(listed: tuple[Path, Path]) -> None:
    """A default list of the folder stands in each file made there, and a mode would bring it into force."""
    plain, new = listed[1], listed[0]
    plain.chmod(0o640)

    access.carry(plain, new)

    assert ACL not in os.listxattr(new)
    assert bits(new) == 0o640


def test_extended_attributes_are_carried_over(files: tuple[Path, Path]) -> None:
    old, new = files
    try:
        os.setxattr(old, "user.owner", b"finance")
    except (OSError, AttributeError):
        pytest.skip("no extended attributes here")

    assert access.carry(old, new) == []
    assert os.getxattr(new, "user.owner") == b"finance"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EROFS])
def test_what_a_file_system_cannot_do_is_told_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """As on CIFS, or on gcsfuse, where nobody may change a mode."""
    workspace = Workspace(tmp_path / "billing.duckdb")
    workspace.create()
    workspace.begin().close()
    workspace.publish()
    workspace.published.chmod(0o644)
    workspace.begin().close()
    refuse(monkeypatch, "chmod", "chown", "setxattr", "removexattr", number=number)

    with caplog.at_level(logging.WARNING):
        workspace.publish()

    assert "Its mode 644 could not be kept" in caplog.text
    assert bits(workspace.published) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_at_no_moment_may_more_people_read_a_copy(tmp_path: Path, mode: int) -> None:
    """Under a umask that lets everybody read, each file of the load is for its owner alone until it is in place."""
    workspace = Workspace(tmp_path / "billing.duckdb")
    workspace.create()
    workspace.begin().close()
    workspace.publish()
    workspace.published.chmod(mode)
    workspace.folder.chmod(0o755)
    before = os.umask(0)
    try:
        workspace.begin().close()
        found = {bits(path) for path in workspace.folder.iterdir() if path.is_dir()} | {bits(workspace.working)}
        workspace.publish()
    finally:
        os.umask(before)

    assert found == {0o700, 0o600}
    assert bits(workspace.published) == mode


@pytest.mark.skipif(not (shutil.which("bindfs") and Path("/dev/fuse").exists()), reason="needs bindfs and FUSE")
def test_loads_publish_on_a_real_file_system_that_denies_changes_of_mode_and_owner(tmp_path: Path) -> None:
    real, mounted = tmp_path / "real", tmp_path / "mounted"
    real.mkdir()
    mounted.mkdir()
    mount = ["bindfs", "--chmod-deny", "--chown-deny", "--chgrp-deny", str(real), str(mounted)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        workspace = Workspace(mounted / "billing.duckdb")
        workspace.create()
        for number in range(2):
            with workspace.locked(0):
                with workspace.begin() as connection:
                    connection.execute(f"create or replace table t as select {number} as number")
                workspace.publish()
                workspace.discard()
    finally:
        subprocess.run(["fusermount", "-u", str(mounted)], check=True)

    with duckdb.connect(str(real / "billing.duckdb"), read_only=True) as connection:
        assert connection.execute("from t").fetchall() == [(1,)]
