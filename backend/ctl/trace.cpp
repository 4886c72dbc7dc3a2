#include "backend/ctl/trace.hpp"

#include "backend/ctl/failure.hpp"
#include "common/base/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>
#include <thread>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

using namespace std::chrono_literals;
namespace flight = backend::flight;
using flight::Event;

constexpr unsigned usual_last = 10; ///< before what follows
constexpr auto follow_interval = 100ms;
constexpr int looks_between_scans = 10;

bool is_meant(const flight::Unit& unit, const TraceOptions& options) {
    const bool domain =
        unit.guest_name == options.domain || std::to_string(unit.guest) == options.domain;
    return domain && (options.vdev.empty() || vdev_of(unit) == options.vdev);
}

std::vector<std::string> files_in(const std::string& directory) {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error))
        if (entry.path().extension() == flight::suffix)
            files.push_back(entry.path());
    if (error)
        throw Failure(ExitCode::failed,
                      fmt::format("cannot look into the daemon's state directory {}: {}", directory,
                                  error.message()));
    std::sort(files.begin(), files.end());
    return files;
}

Trace read(const std::string& path, const flight::Recording& recording) {
    Trace trace;
    trace.path = path;
    trace.detached = path.find(".detached-") != std::string::npos;
    trace.unit = recording.unit();
    trace.writer = recording.writer();
    trace.live = recording.live();
    trace.length = recording.length();
    trace.wall_offset = recording.wall_offset();
    trace.events = recording.events();
    return trace;
}

[[noreturn]] void nothing_found(const TraceOptions& options, const std::set<std::string>& others,
                                const std::string& unreadable) {
    std::string text =
        fmt::format("no commands of domain '{}'{} are recorded in {}", printable(options.domain),
                    options.vdev.empty() ? "" : " at " + options.vdev, options.state_dir);
    if (!unreadable.empty())
        text += "; " + unreadable;
    else if (others.empty())
        text += "; see trace-length in pvscsid.toml";
    else
        text += fmt::format("; there are those of {}", fmt::join(others, ", "));
    throw Failure(ExitCode::not_found, text);
}

/// Records that are meant; there is at least one.
std::vector<std::pair<std::string, flight::Recording>> find(const TraceOptions& options) {
    std::vector<std::pair<std::string, flight::Recording>> found;
    std::set<std::string> others;
    std::string unreadable;
    for (const std::string& path : files_in(options.state_dir)) {
        auto recording = flight::Recording::open(path);
        if (!recording) {
            unreadable = recording.error();
            continue;
        }
        const flight::Unit unit = recording->unit();
        if (is_meant(unit, options))
            found.emplace_back(path, std::move(*recording));
        else
            others.insert(printable(unit.guest_name) + " " + vdev_of(unit));
    }
    if (found.empty())
        nothing_found(options, others, unreadable);
    return found;
}

/// All events, oldest first.
std::vector<std::pair<const Trace*, const Event*>> in_order(const std::vector<Trace>& traces) {
    std::vector<std::pair<const Trace*, const Event*>> all;
    for (const Trace& trace : traces)
        for (const Event& event : trace.events)
            all.emplace_back(&trace, &event);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return a.second->begun < b.second->begun;
    });
    return all;
}

/// Leaves of all together only the newest.
void keep_last(std::vector<Trace>& traces, std::size_t count) {
    const auto all = in_order(traces);
    std::set<const Event*> kept;
    for (std::size_t i = all.size() - std::min(all.size(), count); i < all.size(); ++i)
        kept.insert(all[i].second);
    for (Trace& trace : traces) {
        std::vector<Event> events;
        for (const Event& event : trace.events)
            if (kept.contains(&event))
                events.push_back(event);
        trace.events = std::move(events);
    }
}

void write_file(const std::string& path, const std::string& text) {
    const auto fail = [&] {
        throw std::system_error(errno, std::generic_category(), "cannot write " + path);
    };
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fail();
    for (std::size_t done = 0; done < text.size();) {
        const auto now = ::write(fd, text.data() + done, text.size() - done);
        if (now < 0) {
            ::close(fd);
            fail();
        }
        done += static_cast<std::size_t>(now);
    }
    if (::close(fd) != 0)
        fail();
}

std::string remark_on(const Trace& trace) {
    std::string text;
    if (!trace.live)
        text = fmt::format("{}: the daemon that served it, pid {}, is no more\n",
                           vdev_of(trace.unit), trace.writer);
    if (trace.detached)
        text +=
            fmt::format("{}: {} was detached\n", vdev_of(trace.unit), printable(trace.unit.pdev));
    return text;
}

/// What has been printed of one record.
class Follower {
  public:
    Follower(std::string path, flight::Recording recording)
        : path_(std::move(path)), recording_(std::move(recording)) {}

    Trace look() {
        Trace trace = read(path_, recording_);
        std::set<std::uint64_t> present;
        std::vector<Event> news;
        for (const Event& event : trace.events) {
            present.insert(event.sequence);
            expect_up_to(event.sequence);
            if ((event.state == flight::State::ended || event.lost) &&
                waiting_.erase(event.sequence) != 0)
                news.push_back(event);
        }
        give_up_all_but(present);
        trace.events = std::move(news);
        return trace;
    }
    /// Of commands that came and were overwritten since the last look.
    [[nodiscard]] std::uint64_t missed() { return std::exchange(missed_, 0); }
    [[nodiscard]] bool gone() const { return !std::filesystem::exists(path_); }

  private:
    /// `sequence` and what must have come between the newest and it.
    void expect_up_to(std::uint64_t sequence) {
        if (sequence <= newest_)
            return;
        std::uint64_t first = newest_ == 0 ? sequence : newest_ + 1;
        if (sequence - first > recording_.length()) {
            missed_ += sequence - first - recording_.length();
            first = sequence - recording_.length();
        }
        for (; first <= sequence; ++first)
            waiting_.emplace(first, 0);
        newest_ = sequence;
    }
    /// One that is being written while others are read is there the next time.
    void give_up_all_but(const std::set<std::uint64_t>& present) {
        for (auto one = waiting_.begin(); one != waiting_.end();) {
            if (present.contains(one->first) || ++one->second <= 1) {
                ++one;
                continue;
            }
            ++missed_;
            one = waiting_.erase(one);
        }
    }

    std::string path_;
    flight::Recording recording_;
    std::uint64_t newest_ = 0, missed_ = 0;
    std::map<std::uint64_t, int> waiting_; ///< not told yet; how often it was looked for in vain
};

} // namespace

std::string trace(const TraceOptions& options) {
    std::vector<Trace> traces;
    for (const auto& [path, recording] : find(options))
        traces.push_back(read(path, recording));
    if (options.last)
        keep_last(traces, *options.last);
    if (!options.save.empty()) {
        write_file(options.save, to_json(traces));
        return fmt::format("{} entries of {} LUN{} saved in {}", in_order(traces).size(),
                           traces.size(), traces.size() == 1 ? "" : "s", options.save);
    }
    if (options.json)
        return to_json(traces);
    std::string text;
    for (const auto& [trace, event] : in_order(traces))
        text += to_text(*trace, *event) + "\n";
    for (const Trace& trace : traces)
        text += remark_on(trace);
    return text;
}

void follow_trace(const TraceOptions& options,
                  const std::function<bool(const std::string&)>& print) {
    std::map<std::string, Follower> followers;
    std::size_t last = options.last.value_or(usual_last);
    for (int look = 0;; ++look) {
        if (look % looks_between_scans == 0) {
            try {
                for (auto& [path, recording] : find(options))
                    followers.try_emplace(path, path, std::move(recording));
            } catch (const Failure&) {
                if (look == 0)
                    throw;
            }
            std::erase_if(followers, [](const auto& one) { return one.second.gone(); });
            if (followers.empty())
                return;
        }
        std::vector<Trace> traces;
        std::string text;
        for (auto& [path, follower] : followers) {
            traces.push_back(follower.look());
            if (const auto missed = follower.missed(); missed != 0 && !options.json)
                text += fmt::format("{}: {} commands were overwritten before they could be read\n",
                                    vdev_of(traces.back().unit), missed);
        }
        if (look == 0)
            keep_last(traces, last);
        for (const auto& [trace, event] : in_order(traces))
            text += (options.json ? to_json_line(*trace, *event) : to_text(*trace, *event)) + "\n";
        if (!text.empty() && !print(text))
            return;
        std::this_thread::sleep_for(follow_interval);
    }
}

} // namespace pvscsi::ctl
