// How a verb of pvscsictl fails: a text for the administrator and the exit status of the program.
#pragma once

#include <stdexcept>
#include <string>

namespace pvscsi::toolstack {}

namespace pvscsi::ctl {

using namespace toolstack; // what the verbs are about: Lun, Vhost, ...

/// Documented in `pvscsictl --help`; scripts rely on it.
enum class ExitCode : int {
    done = 0,
    failed = 1,        ///< refused or failed; what was begun is undone
    usage = 2,         ///< the command line is wrong
    configuration = 3, ///< a file or an entry is wrong; nothing was changed
    not_found = 4,     ///< no such domain or LUN
    timed_out = 5,     ///< not finished in time; the text says what is left
    no_host = 6,       ///< neither an embedded host nor Xen can be reached
    no_daemon = 7,     ///< done, but nobody serves it: no backend daemon has answered
};

class Failure : public std::runtime_error {
  public:
    Failure(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

  private:
    ExitCode code_;
};

} // namespace pvscsi::ctl
