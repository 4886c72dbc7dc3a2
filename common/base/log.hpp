// Logging: key=value lines to standard error, or to the journal under systemd. Never on the I/O
// path. What a peer can cause goes through PeerLog, which bounds how much of it there is.
//
// A function that is no template stands behind the calls, so that one costs little code and headers
// do not pull spdlog in.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pvscsi::log {

enum class Level : std::uint8_t { debug, info, warning, error };
[[nodiscard]] std::string_view to_string(Level level) noexcept;
/// "debug", "info", "warning" or "error".
[[nodiscard]] std::optional<Level> level_of(std::string_view name) noexcept;

/// Once at the start of a program; `program` is the lines' tag.
void init(std::string_view program, Level level);
void set_level(Level level) noexcept;
[[nodiscard]] Level level() noexcept;
[[nodiscard]] bool enabled(Level level) noexcept;
void write(Level level, std::string_view text);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::debug))
        write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::info))
        write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::warning))
        write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::error))
        write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

/// A peer's bytes made safe for a log line: printable ASCII, the rest as \xNN, cut at `max`.
[[nodiscard]] std::string escaped(std::string_view bytes, std::size_t max = 64);

/// Messages that one peer can cause: a burst goes through, then one a second, with the number of
/// those left out. Thread: one.
class PeerLog {
  public:
    explicit PeerLog(std::string prefix) : prefix_(std::move(prefix)) {}

    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) {
        if (enabled(Level::info) && admit())
            emit(Level::info, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    void warning(fmt::format_string<Args...> format, Args&&... args) {
        if (admit())
            emit(Level::warning, fmt::format(format, std::forward<Args>(args)...));
    }

  private:
    bool admit() noexcept;
    void emit(Level level, const std::string& text);

    static constexpr unsigned burst = 10;
    std::string prefix_;
    std::chrono::steady_clock::time_point refilled_{};
    unsigned credit_ = burst;
    std::uint64_t suppressed_ = 0;
};

} // namespace pvscsi::log
