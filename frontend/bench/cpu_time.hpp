// CPU time of a process, all its threads, in seconds.
#pragma once

namespace pvscsi::bench {

/// This process' own; `pid` 0 as well. Throws std::runtime_error if there is no such process.
double cpu_seconds(int pid = 0);

} // namespace pvscsi::bench
