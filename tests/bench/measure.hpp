// What the machine's benchmarks share: pinning, timing, medians, two ways to print.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace pvscsi::bench {

/// The CPUs that this process may run on.
inline std::vector<int> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0)
        throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
    std::vector<int> cpus;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set))
            cpus.push_back(static_cast<int>(cpu));
    return cpus;
}

/// Two different ones, for two ends that spin.
struct CpuPair {
    int first, second;
};
inline CpuPair two_cpus() {
    const auto cpus = allowed_cpus();
    if (cpus.size() < 2)
        throw std::runtime_error("two spinning ends need two CPUs, and there is one");
    return {cpus[0], cpus[1]};
}

/// Pins the calling thread.
inline void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
}

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// The median of `repeats` runs of a measurement.
inline double median_of(unsigned repeats, const std::function<double()>& measure) {
    std::vector<double> values;
    for (unsigned i = 0; i < repeats; ++i)
        values.push_back(measure());
    return median(values);
}

} // namespace pvscsi::bench
