// Sends the commands again that a flight recorder has kept (`pvscsictl trace --save`), one after
// the other in their order, and compares what becomes of them with what was recorded.
//
// Data were not recorded: what is read is dropped, what is written would be zeros. So only commands
// that neither write nor change the unit's state are sent, unless all of them are asked for.
//
// Thread: the session's. Errors: std::runtime_error that says what is wrong with the file.
#pragma once

#include "frontend/bench/options.hpp"
#include "frontend/include/pvscsi/frontend.hpp"

#include <string>
#include <vector>

namespace pvscsi::bench {

/// What came back, or did then.
struct Reply {
    std::uint8_t host = 0;
    std::uint8_t status = 0;
    std::uint32_t residual = 0;
    std::vector<std::uint8_t> sense; ///< its beginning
};

struct RecordedCommand {
    std::uint64_t sequence = 0;
    std::string name;
    std::vector<std::uint8_t> cdb;
    DataDirection direction = DataDirection::none;
    std::uint32_t length = 0;
    std::uint16_t timeout = 0; ///< seconds
    bool answered = false;     ///< what it was answered with is known:
    Reply reply;
};

/// What `text` has recorded of `vdev`, or of its only LUN where that is empty.
[[nodiscard]] std::vector<RecordedCommand> commands_of(const std::string& text,
                                                       const std::string& vdev);

/// Neither writes nor changes what the unit is or who may use it. Tapes move when they are read.
[[nodiscard]] bool only_reads(const RecordedCommand& command) noexcept;

/// In words how they differ; empty if they don't. Of sense data key and additional sense code.
[[nodiscard]] std::string difference(const Reply& then, const Reply& now);

struct ReplayResult {
    std::uint64_t sent = 0, same = 0, skipped = 0, uncompared = 0;
    std::vector<std::string> differences;
    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] std::string to_json() const;
};

[[nodiscard]] ReplayResult replay(Session& session, const Options& options);

} // namespace pvscsi::bench
