#!/usr/bin/env python3
"""Collects the runs of tests/bench/run.sh and prints them as one table.

table.py record RESULTS SYSTEM POINT FILE [CPU_SECONDS]   appends one run
table.py print RESULTS                                    medians, ratios
"""

import json
import re
import statistics
import sys

COLUMNS = ["ram-event", "ram-adaptive", "ram-poll", "null-poll", "qemu-nbd", "tgt", "tgt-iscsi-perf"]


def from_pvscsi_bench(report):
    cpu = report["cpu_seconds_per_million"]
    latency = report["latency_ns"]
    if report["errors"]:
        sys.exit("a run had errors")
    return {"iops": report["iops"], "p50": latency["p50"], "p99": latency["p99"],
            "cpu": cpu["bench"] + cpu["daemon"]}


def from_fio(report, server_cpu):
    job = report["jobs"][0]
    side = max(job["read"], job["write"], key=lambda s: s["total_ios"])
    # Completion and submission together: what a caller waits.
    percentiles = side["clat_ns"].get("percentile", {})
    client_cpu = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
    return {"iops": side["iops"], "p50": percentiles.get("50.000000"),
            "p99": percentiles.get("99.000000"),
            "cpu": (client_cpu + server_cpu) * 1e6 / max(side["total_ios"], 1)}


def from_iscsi_perf(text, cpu):
    lines = re.findall(r"(\d\d):(\d\d):(\d\d) - .*?iops average (\d+)", text)
    if not lines:
        sys.exit("iscsi-perf told no figure:\n" + text)
    iops = int(lines[-1][3])
    # It runs a little longer than its last line says; the CPU time is of all of it.
    return {"iops": iops, "p50": None, "p99": None, "cpu": cpu * 1e6 / (iops * 3.3)}


def record(results, system, point, path, cpu="0"):
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if system == "qemu-nbd":
        run = from_fio(json.loads(text[text.index("{"):]), float(cpu))
    elif system == "tgt-iscsi-perf":
        run = from_iscsi_perf(text.replace("\r", "\n"), float(cpu))
    elif system in ("limits", "bare"):
        run = json.loads(text)
    else:
        run = from_pvscsi_bench(json.loads(text))
    with open(results, "a", encoding="utf-8") as file:
        file.write(json.dumps({"system": system, "point": point, "run": run}) + "\n")


def median(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def rate(value):
    if value is None:
        return "-"
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.1f} k"


def micro(value):
    return "-" if value is None else f"{value / 1e3:.1f}"


def ratio(value, other):
    return "-" if not value or not other else f"{value / other:.1f}x"


def bare_rates(limits):
    return {(entry["depth"], entry["data_bytes"]): entry["requests_per_second"]
            for entry in limits.get("bare", {}).get("bare_ring", [])}


def print_limits(limits):
    for name, value in limits.get("limits", {}).get("limits", {}).items():
        print(f"  {name.removesuffix('_ns').replace('_', ' ')}: {value:.1f} ns")
    for (depth, data), value in sorted(bare_rates(limits).items(), key=lambda x: (x[0][1], x[0][0])):
        print(f"  bare ring, depth {depth}, {data} bytes copied: {rate(value)}/s")


def print_table(results):
    runs, limits, points = {}, {}, []
    with open(results, encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            if entry["point"] == "-":
                limits[entry["system"]] = entry["run"]
                continue
            runs.setdefault((entry["system"], entry["point"]), []).append(entry["run"])
            if entry["point"] not in points:
                points.append(entry["point"])
    if limits:
        print("\nLimits of the machine:")
        print_limits(limits)
    if not points:
        return
    bare = bare_rates(limits)
    print("\n| point | system | IOPS | p50 us | p99 us | CPU s / million "
          "| to qemu-nbd | to tgt | to bare ring |")
    print("|---|---|---|---|---|---|---|---|---|")
    for point in points:
        base = {s: median(runs[s, point], "iops") for s in COLUMNS if (s, point) in runs}
        for system, iops in base.items():
            these = runs[system, point]
            depth = int(point.rsplit("-", 1)[1])
            limit = bare.get((depth, 0 if system.startswith("null") else 4096)) \
                if point.startswith("4k") else None
            print(f"| {point} | {system} | {rate(iops)} | {micro(median(these, 'p50'))} "
                  f"| {micro(median(these, 'p99'))} | {median(these, 'cpu'):.2f} "
                  f"| {ratio(iops, base.get('qemu-nbd'))} | {ratio(iops, base.get('tgt'))} "
                  f"| {f'{100 * iops / limit:.0f} %' if limit else '-'} |")


if __name__ == "__main__":
    if len(sys.argv) >= 6 and sys.argv[1] == "record":
        record(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "print":
        print_table(sys.argv[2])
    else:
        sys.exit(__doc__)
