// Drives what lives on a Worker by hand, from the test's own thread. For tests that are linked
// with manual_worker.cpp in place of the real Worker.
#pragma once

#include "backend/worker.hpp"

#include <functional>

namespace pvscsi::test {

/// Whether to look for completions all the time or to sleep until the event.
enum class Sleep { no, yes };

/// Takes turns until `reached`; false if that does not come within 20 s.
bool drive_until(backend::Worker& worker, const std::function<bool()>& reached,
                 Sleep sleep = Sleep::yes);

} // namespace pvscsi::test
