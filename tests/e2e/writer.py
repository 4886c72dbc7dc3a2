#!/usr/bin/env python3
"""Writes numbered blocks with SG_IO and notes every one that was acknowledged.

    writer.py NODE BYTES NOTES          until the file $E2E_STOP exists
    writer.py --check NODE NOTES        what is on the disk against the notes

With E2E_STRICT every error ends it; else those of a backend that comes and goes do not.

A block holds its number, a sequence number and a checksum; the notes are records of both. A write
that was not acknowledged may be on the disk or not; an acknowledged one must be, or a later one.
"""

import ctypes
import fcntl
import os
import random
import struct
import sys
import zlib

SG_IO = 0x2285
BLOCK = 512
RUN = 8  # blocks a command
RECORD = struct.Struct("<II")


class Header(ctypes.Structure):
    _fields_ = [
        ("interface_id", ctypes.c_int), ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte), ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort), ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p), ("cmdp", ctypes.c_void_p), ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint), ("flags", ctypes.c_uint), ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p), ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte), ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte), ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort), ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint), ("info", ctypes.c_uint),
    ]


def transfer(fd, write, lba, buffer):
    """Reads or writes at a block; the header that came back."""
    cdb = (ctypes.c_ubyte * 10)(*struct.pack(">BBIBHB", 0x2A if write else 0x28, 0, lba, 0,
                                             len(buffer) // BLOCK, 0))
    sense = (ctypes.c_ubyte * 96)()
    header = Header(interface_id=ord("S"), dxfer_direction=-2 if write else -3, cmd_len=10,
                    mx_sb_len=96, dxfer_len=len(buffer), timeout=60000,
                    dxferp=ctypes.addressof(buffer), cmdp=ctypes.addressof(cdb),
                    sbp=ctypes.addressof(sense))
    fcntl.ioctl(fd, SG_IO, header)
    header.sense_key = sense[2] & 0xF if header.sb_len_wr else 0
    return header


def is_good(header):
    return header.status == 0 and header.host_status == 0


def is_worth_retrying(header):
    """The backend went away, was not back in time, or tells that it was reset."""
    if os.environ.get("E2E_STRICT"):
        return False
    return header.host_status in (1, 2, 8, 13, 14) or (
        header.status == 2 and header.sense_key == 6)


def block_of(lba, sequence):
    body = struct.pack("<II", lba, sequence) * (BLOCK // 8)
    body = body[:BLOCK - 4]
    return body + struct.pack("<I", zlib.crc32(body))


def describe(header):
    return (f"status {header.status:#x}, host {header.host_status}, "
            f"sense key {header.sense_key}")


def write_blocks(fd, size, notes):
    blocks = size // BLOCK
    sequence = 0
    generator = random.Random(1)
    while not os.path.exists(os.environ.get("E2E_STOP", "/nonexistent")):
        lba = generator.randrange(blocks // RUN) * RUN
        sequence += 1
        data = b"".join(block_of(lba + i, sequence) for i in range(RUN))
        buffer = ctypes.create_string_buffer(data, len(data))
        while True:
            header = transfer(fd, True, lba, buffer)
            if is_good(header):
                break
            if not is_worth_retrying(header):
                sys.exit(f"write {sequence} at {lba}: {describe(header)}")
        notes.write(RECORD.pack(lba, sequence))
        notes.flush()


def read_good(fd, lba):
    buffer = ctypes.create_string_buffer(BLOCK * RUN)
    for _ in range(10):
        header = transfer(fd, False, lba, buffer)
        if is_good(header):
            return buffer.raw
        if not is_worth_retrying(header):
            break
    sys.exit(f"read at {lba}: {describe(header)}")


def check(fd, notes):
    latest = {}
    last = 0
    for lba, sequence in RECORD.iter_unpack(notes[:len(notes) // RECORD.size * RECORD.size]):
        latest[lba] = sequence
        last = max(last, sequence)
    if not latest:
        sys.exit("nothing was noted")
    for lba, sequence in latest.items():
        data = read_good(fd, lba)
        found = struct.unpack_from("<II", data)[1]
        whole = b"".join(block_of(lba + i, found) for i in range(RUN))
        # The one write that was in flight may have taken the place of an acknowledged one.
        if found not in (sequence, last + 1) or data != whole:
            sys.exit(f"block {lba}: write {sequence} was acknowledged, {found} is there"
                     f"{'' if data == whole else ', damaged'}")
    print(f"{len(latest)} places, {last} writes: right")


def main():
    if sys.argv[1] == "--check":
        fd = os.open(sys.argv[2], os.O_RDWR)
        with open(sys.argv[3], "rb") as notes:
            check(fd, notes.read())
        return
    fd = os.open(sys.argv[1], os.O_RDWR)
    with open(sys.argv[3], "wb") as notes:
        write_blocks(fd, int(sys.argv[2]), notes)


main()
