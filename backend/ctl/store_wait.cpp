#include "backend/ctl/store_wait.hpp"

#include <algorithm>
#include <deque>
#include <poll.h>
#include <system_error>

namespace pvscsi::ctl {

namespace {

using std::chrono::milliseconds;

/// A lost store does not make its descriptor readable; only a call finds out.
constexpr milliseconds longest_sleep{500};

class Watch {
  public:
    Watch(hv::Store& store, const std::string& path) : store_(store), path_(path) {
        if (auto done = store_.watch(path_, token); !done)
            throw std::system_error(done.error(), "cannot watch " + path_ + " in the store");
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { static_cast<void>(store_.unwatch(path_, token)); }

  private:
    static constexpr const char* token = "pvscsictl-wait";
    hv::Store& store_;
    const std::string path_;
};

void sleep_until_event(hv::Store& store, Deadline deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto time = std::clamp(left, milliseconds{0}, longest_sleep);
    pollfd events{store.fd(), POLLIN, 0};
    ::poll(&events, 1, static_cast<int>(time.count()));
}

} // namespace

bool wait_for(hv::Store& store, const std::string& path, Deadline deadline,
              const std::function<bool()>& happened) {
    return wait_for(store, std::vector{path}, deadline, happened);
}

bool wait_for(hv::Store& store, const std::vector<std::string>& paths, Deadline deadline,
              const std::function<bool()>& happened) {
    std::deque<Watch> watches; // they don't move
    for (const std::string& path : paths)
        watches.emplace_back(store, path);
    for (;;) {
        while (store.next_event()) {
        }
        if (happened())
            return true;
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        sleep_until_event(store, deadline);
    }
}

} // namespace pvscsi::ctl
