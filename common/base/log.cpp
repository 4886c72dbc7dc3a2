#include "common/base/log.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace pvscsi::log {

namespace {

constexpr spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
    case Level::debug:
        return spdlog::level::debug;
    case Level::info:
        return spdlog::level::info;
    case Level::warning:
        return spdlog::level::warn;
    case Level::error:
        return spdlog::level::err;
    }
    return spdlog::level::err;
}

constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};

} // namespace

std::string_view to_string(Level level) noexcept {
    return names[static_cast<std::size_t>(level)];
}

std::optional<Level> level_of(std::string_view name) noexcept {
    const auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end())
        return {};
    return static_cast<Level>(place - names.begin());
}

void init(std::string_view program, Level level) {
    const std::string name(program);
    // systemd sets JOURNAL_STREAM for a service whose output goes to the journal.
    if (std::getenv("JOURNAL_STREAM") != nullptr) {
        auto sink = std::make_shared<spdlog::sinks::systemd_sink_mt>(name);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>(name, sink));
    } else {
        auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        auto logger = std::make_shared<spdlog::logger>(name, sink);
        logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
        spdlog::set_default_logger(std::move(logger));
    }
    set_level(level);
    spdlog::flush_on(spdlog::level::debug);
}

void set_level(Level level) noexcept {
    spdlog::set_level(to_spdlog(level));
}

Level level() noexcept {
    for (const Level level : {Level::debug, Level::info, Level::warning})
        if (enabled(level))
            return level;
    return Level::error;
}

bool enabled(Level level) noexcept {
    return spdlog::should_log(to_spdlog(level));
}

void write(Level level, std::string_view text) {
    spdlog::log(to_spdlog(level), "{}", text);
}

std::string escaped(std::string_view bytes, std::size_t max) {
    std::string out;
    for (const char c : bytes.substr(0, max)) {
        if (c >= ' ' && c <= '~' && c != '\\')
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    if (bytes.size() > max)
        out += "...";
    return out;
}

bool PeerLog::admit() noexcept {
    const auto now = std::chrono::steady_clock::now();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - refilled_).count();
    if (seconds > 0) {
        credit_ = static_cast<unsigned>(std::min<std::int64_t>(burst, credit_ + seconds));
        refilled_ = now;
    }
    if (credit_ == 0) {
        ++suppressed_;
        return false;
    }
    --credit_;
    return true;
}

void PeerLog::emit(Level level, const std::string& text) {
    if (suppressed_ > 0)
        write(level, fmt::format("{} suppressed={}", prefix_, std::exchange(suppressed_, 0)));
    write(level, fmt::format("{} {}", prefix_, text));
}

} // namespace pvscsi::log
