#include "frontend/bench/cpu_time.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <time.h>

namespace pvscsi::bench {

double cpu_seconds(int pid) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    if (pid != 0)
        if (const int error = ::clock_getcpuclockid(pid, &clock); error != 0)
            throw std::runtime_error("CPU time of process " + std::to_string(pid) + ": " +
                                     std::strerror(error));
    timespec time{};
    if (::clock_gettime(clock, &time) != 0)
        throw std::runtime_error(std::string("CPU time: ") + std::strerror(errno));
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace pvscsi::bench
