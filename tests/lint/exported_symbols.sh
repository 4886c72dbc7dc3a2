#!/bin/sh
# The frontend library shows its public interface and nothing else: every other symbol could clash
# with a program's own, and would have to be kept for ever.
# Usage: exported_symbols.sh libpvscsi-frontend.so
set -eu
public='^(PVSCSI_FRONTEND_0|pvscsi_[a-z_]+|pvscsi::(to_string.*|hctl_from_string|(Session|Buffer)::[A-Za-z~_=]+ ?)\(.*)$'
others=$(nm -D --defined-only -C "$1" | cut -d' ' -f3- | sed 's/@@.*//' |
    grep -vE "$public" || true)
hidden=$(nm -D --defined-only -C "$1" | grep -E 'Impl::' || true)
if [ -n "$others$hidden" ]; then
    printf 'symbols that are not part of the public interface:\n%s\n%s\n' "$others" "$hidden"
    exit 1
fi
count=$(nm -D --defined-only "$1" | wc -l)
[ "$count" -gt 40 ] || { echo "only $count symbols: the interface is not exported"; exit 1; }
