"""Who may read the published file: the file that replaces it gets the same, and never more."""

import os
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_LIST = "system.posix_acl_access"
_ENTRY = struct.Struct("<HHI")  # tag, permissions, id: linux/posix_acl_xattr.h, after four bytes of version
_OWNING_GROUP, _OTHERS = 0x04, 0x20


def carry(old: Path, new: Path) -> list[str]:
    """Give `new` the owner, group, mode, access list and extended attributes of `old`.

    Returns a sentence for each that could not be kept here. Where that is the group, the new one gets no more than all
    others have; where it is the access list, the owning group gets nothing.
    """
    told: list[str] = []
    _carry_ownership(old.stat(), new, told)
    has_group = new.stat().st_gid == old.stat().st_gid
    attributes = _attributes(old)
    _carry_permissions(old.stat(), attributes.pop(_LIST, None), new, told, has_group=has_group)
    present = _attributes(new)
    for name in attributes.keys() - {name for name in present if present[name] == attributes.get(name)}:
        _tried(told, f"attribute {name}", os.setxattr, new, name, attributes[name])
    return told


def _carry_ownership(was: os.stat_result, new: Path, told: list[str]) -> None:
    """The group by itself: a member may give a file to a group, while only root gives it to another owner."""
    if new.stat().st_gid != was.st_gid:
        _tried(told, f"group {was.st_gid}", os.chown, new, -1, was.st_gid)
    if new.stat().st_uid != was.st_uid:
        _tried(told, f"owner {was.st_uid}", os.chown, new, was.st_uid, -1)


def _carry_permissions(was: os.stat_result, acl: bytes | None, new: Path, told: list[str], *, has_group: bool) -> None:
    mode = stat.S_IMODE(was.st_mode) & 0o777
    if acl is not None:
        if _tried(told, "access list", os.setxattr, new, _LIST, acl if has_group else _narrowed_list(acl)):
            return
        mode &= 0o707  # the middle digit is the mask of the list, and not what the group may do
    elif _LIST in _attributes(new):  # of the folder that it was made in
        _tried(told, "plain mode", os.removexattr, new, _LIST)
    mode = mode if has_group else _narrowed(mode)
    if mode != stat.S_IMODE(new.stat().st_mode):
        _tried(told, f"mode {mode:o}", os.chmod, new, mode)


def _narrowed(mode: int) -> int:
    """For another group: members of either are among all others to the other one."""
    both = mode >> 3 & mode & 0o7
    return mode & 0o700 | both << 3 | both


def _narrowed_list(acl: bytes) -> bytes:
    entries = list(_ENTRY.iter_unpack(acl[4:]))
    both = 0o7
    for tag, permissions, _ in entries:
        both &= permissions if tag in (_OWNING_GROUP, _OTHERS) else 0o7
    kept = (_ENTRY.pack(tag, both if tag in (_OWNING_GROUP, _OTHERS) else old, who) for tag, old, who in entries)
    return acl[:4] + b"".join(kept)


def _attributes(path: Path) -> dict[str, bytes]:
    """Extended attributes, access list included; none where the system or the file system has none."""
    found: dict[str, bytes] = {}
    with suppress(OSError, AttributeError):
        for name in os.listxattr(path):
            with suppress(OSError):
                found[name] = os.getxattr(path, name)
    return found


def _tried(told: list[str], what: str, act: Callable[..., None], *arguments: object) -> bool:
    try:
        act(*arguments)
    except OSError as error:
        told.append(f"Its {what} could not be kept ({error.strerror}).")
        return False
    return True
