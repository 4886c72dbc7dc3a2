// What was measured, for people and for programs.
#pragma once

#include "frontend/bench/load.hpp"

namespace pvscsi::bench {

/// One JSON object with `iops, bytes_per_second, errors, latency_ns{p50,p99,p999}` and more.
std::string to_json(const Options& options, const Result& result);
std::string to_text(const Options& options, const Result& result);

} // namespace pvscsi::bench
