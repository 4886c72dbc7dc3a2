// `pvscsictl trace`: what the flight recorders (../flight/) have kept of a domain's LUNs. Reads the
// daemon's state directory: neither a store nor a running daemon is needed.
//
// Thread: any. Errors: Failure, std::system_error.
#pragma once

#include "backend/flight/reader.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::ctl {

struct TraceOptions {
    std::string state_dir;
    std::string domain; ///< name or number
    std::string vdev;   ///< empty: all of its LUNs
    /// The newest so many, of all LUNs together; nothing: all, but for follow_trace() ten.
    std::optional<unsigned> last;
    bool json = false;
    std::string save; ///< file to write instead; empty: none
};

/// All that is known, as text, or JSON after trace.schema.json.
std::string trace(const TraceOptions& options);

/// Prints the last ones and then each command as it ends, a line each; with `json` an object each.
/// `print` is given whole lines; false: enough. Returns when there is nothing left to follow.
void follow_trace(const TraceOptions& options,
                  const std::function<bool(const std::string&)>& print);

/// A LUN's record.
struct Trace {
    std::string path;
    bool detached = false;
    backend::flight::Unit unit;
    std::uint64_t writer = 0; ///< the daemon's process id
    bool live = false;        ///< it runs
    unsigned length = 0;      ///< entries that it keeps at most
    std::chrono::nanoseconds wall_offset{};
    std::vector<backend::flight::Event> events; ///< by sequence
};

// trace_text.cpp
/// "0:1:2:3"
[[nodiscard]] std::string vdev_of(const backend::flight::Unit& unit);
/// One line, without its end.
[[nodiscard]] std::string to_text(const Trace& trace, const backend::flight::Event& event);
/// An object in one line, without its end: the event with the domain and VDEV it is of.
[[nodiscard]] std::string to_json_line(const Trace& trace, const backend::flight::Event& event);
/// After trace.schema.json.
[[nodiscard]] std::string to_json(const std::vector<Trace>& traces);

} // namespace pvscsi::ctl
