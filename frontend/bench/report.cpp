#include "frontend/bench/report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pvscsi::bench {

namespace {

using Json = nlohmann::ordered_json;

Json latency_json(const Histogram& latency) {
    return {{"p50", latency.percentile(0.5)},
            {"p99", latency.percentile(0.99)},
            {"p999", latency.percentile(0.999)},
            {"mean", latency.mean()},
            {"max", latency.max()}};
}

Json rates(const Options& options, const Measured& measured, double seconds) {
    const double iops = seconds > 0 ? static_cast<double>(measured.commands) / seconds : 0;
    return {{"iops", iops},
            {"bytes_per_second", iops * static_cast<double>(options.block)},
            {"commands", measured.commands},
            {"latency_ns", latency_json(measured.latency)}};
}

Measured both(const Result& result) {
    Measured sum = result.read;
    sum.commands += result.write.commands;
    sum.latency.merge(result.write.latency);
    return sum;
}

/// CPU seconds for a million commands.
double per_million(double cpu_seconds, std::uint64_t commands) {
    return commands == 0 ? 0 : cpu_seconds * 1e6 / static_cast<double>(commands);
}

} // namespace

std::string to_json(const Options& options, const Result& result) {
    const Measured all = both(result);
    Json report = rates(options, all, result.seconds);
    report["errors"] = result.errors;
    report["read"] = rates(options, result.read, result.seconds);
    report["write"] = rates(options, result.write, result.seconds);
    report["cpu_seconds_per_million"] = {{"bench", per_million(result.cpu_seconds, all.commands)}};
    if (options.daemon_pid != 0)
        report["cpu_seconds_per_million"]["daemon"] =
            per_million(result.daemon_cpu_seconds, all.commands);
    report["seconds"] = result.seconds;
    report["verified_blocks"] = result.verified;
    report["options"] = {{"rw", to_string(options.access)}, {"bs", options.block},
                         {"iodepth", options.depth},        {"wait", to_string(options.wait)},
                         {"verify", options.verify},        {"seed", options.seed}};
    return report.dump(2) + "\n";
}

std::string to_text(const Options& options, const Result& result) {
    const Measured all = both(result);
    const double iops = static_cast<double>(all.commands) / result.seconds;
    std::string text =
        fmt::format("{} bs={} iodepth={} wait={}: {:.0f} IOPS, {:.1f} MB/s, {} errors\n"
                    "latency p50 {:.2f} us, p99 {:.2f} us, p99.9 {:.2f} us, max {:.0f} us\n"
                    "CPU seconds for a million commands: {:.3f}",
                    to_string(options.access), options.block, options.depth,
                    to_string(options.wait), iops, iops * static_cast<double>(options.block) * 1e-6,
                    result.errors, static_cast<double>(all.latency.percentile(0.5)) * 1e-3,
                    static_cast<double>(all.latency.percentile(0.99)) * 1e-3,
                    static_cast<double>(all.latency.percentile(0.999)) * 1e-3,
                    static_cast<double>(all.latency.max()) * 1e-3,
                    per_million(result.cpu_seconds, all.commands));
    if (options.daemon_pid != 0)
        text +=
            fmt::format(", daemon {:.3f}", per_million(result.daemon_cpu_seconds, all.commands));
    if (options.verify)
        text += fmt::format("\n{} blocks checked", result.verified);
    return text + "\n";
}

} // namespace pvscsi::bench
