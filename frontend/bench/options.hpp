// What pvscsi-bench is to do.
#pragma once

#include "frontend/include/pvscsi/frontend.hpp"

#include <string>

namespace pvscsi::bench {

enum class Access : std::uint8_t { read, write, randread, randwrite, randrw };
enum class Wait : std::uint8_t {
    event,    ///< sleep at once
    adaptive, ///< spin for a bounded time that tunes itself, then sleep
    poll,     ///< never sleep
};

struct Options {
    SessionOptions session;
    Hctl lun;
    Access access = Access::randread;
    Wait wait = Wait::adaptive;
    std::uint64_t block = 4096; ///< bytes of one command
    std::uint64_t size = 0;     ///< bytes of the LUN to use; 0: all
    std::uint64_t offset = 0;   ///< bytes of the LUN before those
    unsigned depth = 1;         ///< commands in flight, 1 to 16
    double runtime = 5;         ///< seconds
    std::uint64_t seed = 0;     ///< of offsets and data; 0: a different one each time
    bool verify = false;
    bool json = false;
    int daemon_pid = 0;        ///< whose CPU time is to be counted, too
    std::string replay;        ///< a recording to send again, in place of a load; empty: none
    std::string replay_vdev;   ///< the LUN of it that is meant; empty: the only one
    bool allow_writes = false; ///< of the recording, too

    [[nodiscard]] bool reads() const {
        return access != Access::write && access != Access::randwrite;
    }
    [[nodiscard]] bool writes() const {
        return access != Access::read && access != Access::randread;
    }
    [[nodiscard]] bool random() const { return access != Access::read && access != Access::write; }
};

[[nodiscard]] const char* to_string(Access access);
[[nodiscard]] const char* to_string(Wait wait);

/// Reads the command line. False: the program ends with `status` at once.
bool parse_options(int argc, char** argv, Options& options, int& status);

} // namespace pvscsi::bench
