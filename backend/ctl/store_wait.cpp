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

/// Who waits for more than a second wants to know that it is not for ever.
class Progress {
  public:
    Progress(const Context& context, Deadline deadline) : context_(context), deadline_(deadline) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        if (told_)
            context_.waiting({});
    }
    void tell() {
        const auto now = std::chrono::steady_clock::now();
        if (now - begin_ < std::chrono::seconds(1))
            return;
        told_ = true;
        context_.waiting(std::chrono::ceil<std::chrono::seconds>(deadline_ - now));
    }

  private:
    const Context& context_;
    const Deadline deadline_;
    const Deadline begin_ = std::chrono::steady_clock::now();
    bool told_ = false;
};

void sleep_until_event(hv::Store& store, Deadline deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto time = std::clamp(left, milliseconds{0}, longest_sleep);
    pollfd events{store.fd(), POLLIN, 0};
    ::poll(&events, 1, static_cast<int>(time.count()));
}

} // namespace

bool wait_for(Context& context, const std::string& path, Deadline deadline,
              const std::function<bool()>& happened) {
    return wait_for(context, std::vector{path}, deadline, happened);
}

bool wait_for(Context& context, const std::vector<std::string>& paths, Deadline deadline,
              const std::function<bool()>& happened) {
    hv::Store& store = context.store;
    std::deque<Watch> watches; // they don't move
    for (const std::string& path : paths)
        watches.emplace_back(store, path);
    Progress progress(context, deadline);
    for (;;) {
        while (store.next_event()) {
        }
        if (happened())
            return true;
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        progress.tell();
        sleep_until_event(store, deadline);
    }
}

} // namespace pvscsi::ctl
