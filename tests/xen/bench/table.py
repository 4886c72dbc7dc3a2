#!/usr/bin/env python3
"""The table of tests/xen/bench.sh out of its log; --json: an array of objects instead."""

import json
import statistics
import sys

KERNEL = "scsiback+scsifront"


def results(path):
    """{(pair, workload, depth): {round: (iops, mean, p99, cpu us of dom0 per I/O)}}"""
    found = {}
    for line in open(path, encoding="utf-8", errors="replace"):
        word = line.split()
        if not word or word[0] != "RESULT":
            continue
        pair, workload, depth, number = word[1], word[2].replace("-", " "), int(word[3]), word[4]
        iops, mean, p99, cpu = (float(value) for value in word[5:9])
        found.setdefault((pair, workload, depth), {})[number] = (iops, mean, p99, cpu / iops)
    return found


def rows(found, seconds):
    for (pair, workload, depth), rounds in found.items():
        kernel = found[KERNEL, workload, depth]
        common = [number for number in rounds if number in kernel]
        median = [statistics.median(values) for values in zip(*rounds.values())]
        yield {
            "pair": pair,
            "workload": workload,
            "iodepth": depth,
            "iops": round(median[0]),
            "ratio_to_kernel": round(
                statistics.median(rounds[n][0] / kernel[n][0] for n in common), 2),
            "latency_us": {"mean": round(median[1]), "p99": round(median[2])},
            "dom0_cpu_us_per_io": round(median[3] / seconds, 1),
            "dom0_cpu_ratio_to_kernel": round(
                statistics.median(rounds[n][3] / kernel[n][3] if kernel[n][3] else 0
                                  for n in common), 2),
        }


def main():
    as_json = "--json" in sys.argv
    path = sys.argv[-1]
    settings = dict(word.split("=") for word in
                    open(path.rsplit("/", 1)[0] + "/bench-settings", encoding="utf-8").read().split())
    table = list(rows(results(path), float(settings["seconds"])))
    if as_json:
        json.dump(table, sys.stdout, indent=1)
        print()
        return
    print("| workload | depth | pair | IOPS | to the kernel's | mean us | p99 us | dom0 us/IO | to the kernel's |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in sorted(table, key=lambda r: (r["workload"], r["iodepth"])):
        print(f"| {row['workload']} | {row['iodepth']} | {row['pair']} | {row['iops']} |"
              f" {row['ratio_to_kernel']} | {row['latency_us']['mean']} | {row['latency_us']['p99']} |"
              f" {row['dom0_cpu_us_per_io']} | {row['dom0_cpu_ratio_to_kernel']} |")
    for line in open(path, encoding="utf-8", errors="replace"):
        if line.startswith("IDLE"):
            what, busy = line[len("IDLE "):].rsplit(maxsplit=1)
            print(f"\n{what}: dom0 busy for {int(busy) * 10} ms of 5 s.")


main()
