#include "common/base/log.hpp"

#include "common/base/journal_fields.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

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

/// Lines to systemd's journal, with the fields that they name.
class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit JournalSink(const std::string& program) : program_("SYSLOG_IDENTIFIER=" + program) {}

  private:
    static int priority_of(spdlog::level::level_enum level) {
        switch (level) {
        case spdlog::level::trace:
        case spdlog::level::debug:
            return LOG_DEBUG;
        case spdlog::level::info:
            return LOG_INFO;
        case spdlog::level::warn:
            return LOG_WARNING;
        default:
            return LOG_ERR;
        }
    }
    static iovec part(std::string& field) { return {field.data(), field.size()}; }

    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        std::string line = fmt::format("MESSAGE={}", text);
        std::string priority = fmt::format("PRIORITY={}", priority_of(message.level));
        std::vector<std::string> fields = journal_fields(text);
        std::vector<iovec> parts{part(line), part(priority), part(program_)};
        std::transform(fields.begin(), fields.end(), std::back_inserter(parts), part);
        // Without a journal there is nobody to tell.
        static_cast<void>(sd_journal_sendv(parts.data(), static_cast<int>(parts.size())));
    }
    void flush_() override {}

    std::string program_;
};

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
        auto sink = std::make_shared<JournalSink>(name);
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
