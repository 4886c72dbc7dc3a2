// What a service manager hears: the test is one.
#include "backend/supervisor.hpp"

#include "common/base/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <future>
#include <sys/socket.h>
#include <sys/un.h>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace std::chrono_literals;

namespace {

/// Listens where sd_notify() sends; in the abstract name space, so that nothing is left.
class Manager {
  public:
    Manager() : socket_(adopt_fd, ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        const std::string name = "pvscsi-test-" + std::to_string(::getpid());
        ::sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
        const auto size =
            static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + 1 + name.size());
        REQUIRE(::bind(socket_.get(), reinterpret_cast<::sockaddr*>(&address), size) == 0);
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
        ::setenv("WATCHDOG_USEC", "60000", 1); // fed every 20 ms
        ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    }
    ~Manager() {
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            ::unsetenv(name);
    }
    /// How many of what was heard since begin with `text`.
    unsigned heard(const std::string& text) {
        unsigned count = 0;
        char buffer[256];
        for (;;) {
            const auto size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            if (size < 0)
                return count;
            count += std::string(buffer, static_cast<std::size_t>(size)).starts_with(text) ? 1 : 0;
        }
    }

  private:
    UniqueFd socket_;
};

struct Bed {
    Bed() {
        for (int i = 0; i < 2; ++i)
            workers.push_back(std::make_unique<Worker>("bed", Wait::event));
    }
    /// Runs the control thread; how often the watchdog was fed meanwhile. Listens all the while:
    /// the socket holds few messages, and who sends more of them waits.
    unsigned feeds_within(std::chrono::milliseconds time) {
        unsigned feeds = 0;
        for (auto left = time; left > 0ms; left -= 20ms) {
            control.run_for(20ms);
            feeds += manager.heard("WATCHDOG=1");
        }
        return feeds;
    }

    Manager manager;
    boost::asio::io_context control{1};
    std::vector<std::unique_ptr<Worker>> workers;
    Supervisor supervisor{control, workers};
};

} // namespace

TEST_CASE("it tells that it is ready, reloads and ends") {
    Bed bed;
    bed.supervisor.ready();
    CHECK(bed.manager.heard("READY=1") == 1);
    bed.supervisor.reloading();
    CHECK(bed.manager.heard("RELOADING=1\nMONOTONIC_USEC=") == 1);
    bed.supervisor.stopping();
    CHECK(bed.manager.heard("STOPPING=1") == 1);
}

TEST_CASE("the watchdog is fed while all threads turn") {
    Bed bed;
    bed.supervisor.ready();
    CHECK(bed.feeds_within(500ms) >= 3);

    std::promise<void> go_on;
    bed.workers[1]->post([&] { go_on.get_future().wait(); });
    (void)bed.feeds_within(100ms);
    CHECK(bed.feeds_within(300ms) == 0);

    go_on.set_value();
    CHECK(bed.feeds_within(500ms) >= 1);
}

TEST_CASE("without a watchdog only what happens is told") {
    Manager manager;
    ::unsetenv("WATCHDOG_USEC");
    boost::asio::io_context control{1};
    std::vector<std::unique_ptr<Worker>> workers;
    Supervisor supervisor(control, workers);
    supervisor.ready();
    control.run_for(50ms);
    CHECK(manager.heard("WATCHDOG=1") == 0);
}
