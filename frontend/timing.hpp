// How long a session waits for its backend. Tests shorten them.
#pragma once

#include <chrono>

namespace pvscsi::frontend {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

struct Timing {
    /// While the caller polls: how often the store and the commands' timeouts are looked at.
    std::chrono::milliseconds control_interval{2};
    /// A closing backend may go on answering what is in flight; this long without an answer, and
    /// it is taken for one that was restarted and does not know of it.
    std::chrono::milliseconds drain_grace{250};
    /// Closing: for each of the backend's two steps.
    std::chrono::milliseconds close_wait{3'000};
    /// For InitWait of a backend that is at Closed; Linux' never goes there.
    std::chrono::milliseconds invitation_wait{500};
    /// Hot removal: for the commands of the logical unit.
    std::chrono::milliseconds remove_wait{5'000};
    /// From ABORT to RESET, and from RESET to disconnecting.
    std::chrono::milliseconds abort_wait{5'000};
    std::chrono::milliseconds reset_wait{10'000};
    /// Between connections that failed, from the second on, whoever ended them; doubled up to the
    /// maximum.
    std::chrono::milliseconds backoff_min{10};
    std::chrono::milliseconds backoff_max{5'000};
};

} // namespace pvscsi::frontend
