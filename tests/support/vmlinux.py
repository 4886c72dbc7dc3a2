#!/usr/bin/env python3
"""vmlinux.py BZIMAGE VMLINUX: the kernel inside a bzImage, so that it is not unpacked at every boot.

Where it lies says the setup header (Documentation/x86/boot.rst of Linux: setup_sects,
payload_offset, payload_length). Debian compresses with xz, since Linux 6.12 with zstd.
"""
import lzma
import struct
import subprocess
import sys


def unpack(payload):
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE, check=True).stdout
    return lzma.LZMADecompressor().decompress(payload)


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    if image[0x202:0x206] != b"HdrS":
        sys.exit(f"{sys.argv[1]} is no bzImage")
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (image[0x1F1] + 1) * 512 + offset
    # The last four bytes are the size after unpacking.
    vmlinux = unpack(image[begin : begin + length - 4])
    if vmlinux[:4] != b"\x7fELF":
        sys.exit(f"{sys.argv[1]}: no ELF file inside")
    with open(sys.argv[2], "wb") as file:
        file.write(vmlinux)


main()
