// The rules F1 to F3 of common/hypervisor/contract.md, on the embedded host: a broker that is
// killed, and processes without a file descriptor left.
#include "tests/support/child.hpp"
#include "tests/support/embedded_host.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using test::Child;
using test::EmbeddedHost;
using test::Talk;

namespace {

template <class T, class E>
E error_of(const Expected<T, E>& result) {
    return result ? E{} : result.error();
}

struct Connected {
    EmbeddedHost host;
    std::unique_ptr<Domains> domains = host.domains();
    DomId guest_id = domains->create("guest", "", "").id;
    std::unique_ptr<Hypervisor> guest = host.open(guest_id);
    std::unique_ptr<Hypervisor> backend = host.open();
    std::unique_ptr<GrantSharer> sharer = guest->open_grant_sharer();
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(guest_id);
    std::unique_ptr<SharedPages> shared =
        std::move(sharer->share(DomId{0}, 2, Access::read_write).value());
    std::unique_ptr<MappedPages> mapped =
        std::move(mapper->map(shared->refs().first(1), Access::read_write).value());
    std::unique_ptr<EventChannel> front = std::move(guest->alloc_unbound(DomId{0}).value());
    std::unique_ptr<EventChannel> back =
        std::move(backend->bind_interdomain(guest_id, front->port()).value());
};

void everything_that_asks_fails(Connected& c) {
    CHECK(error_of(c.sharer->share(DomId{0}, 1, Access::read_write)) == GrantStatus::unavailable);
    CHECK(error_of(c.mapper->map(c.shared->refs(), Access::read_only)) == GrantStatus::unavailable);
    CHECK_FALSE(c.guest->alloc_unbound(DomId{0}));
    CHECK_FALSE(c.backend->bind_interdomain(c.guest_id, EvtchnPort{1}));
    CHECK_THROWS_AS(c.host.open(), std::system_error);
    CHECK_THROWS_AS(c.host.domains(), std::system_error);
    // A mapper that has nothing yet cannot get it.
    const auto fresh = c.backend->open_grant_mapper(c.guest_id);
    std::byte local{};
    GrantCopy piece{.ref = c.shared->refs()[1], .length = 1, .local = &local};
    CHECK(fresh->copy({&piece, 1}) == 1);
    CHECK(piece.status == GrantStatus::unavailable);
}

void what_is_shared_goes_on(Connected& c) {
    std::strcpy(reinterpret_cast<char*>(c.shared->bytes().data()), "ring");
    CHECK(std::memcmp(c.mapped->bytes().data(), "ring", 5) == 0);
    std::array<std::byte, 64> local{};
    c.shared->bytes()[4096] = std::byte{0x55};
    GrantCopy piece{.ref = c.shared->refs()[1], .length = 64, .local = local.data()};
    CHECK(c.mapper->copy({&piece, 1}) == 0);
    CHECK(local[0] == std::byte{0x55});
    (void)c.back->take();
    c.back->unmask();
    c.front->notify();
    pollfd entry{c.back->fd(), POLLIN, 0};
    CHECK(::poll(&entry, 1, 10000) == 1);
    CHECK(entry.revents == POLLIN);
    CHECK(c.back->take());
    CHECK(c.shared->end_access() == GrantStatus::busy);
    CHECK(c.mapper->copy({&piece, 1}) == 1);
    CHECK(piece.status == GrantStatus::bad_ref);
}

/// Leaves room for `left` more file descriptors while it lives.
class FewDescriptors {
  public:
    explicit FewDescriptors(int left) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        // The lowest numbers are what new descriptors get.
        std::vector<UniqueFd> probes;
        for (int i = 0; i <= left; ++i)
            probes.emplace_back(adopt_fd, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
        rlimit limit = before_;
        limit.rlim_cur = static_cast<rlim_t>(probes.back().get());
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

std::set<int> descriptors_of(pid_t pid) {
    std::set<int> numbers;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        numbers.insert(std::stoi(entry.path().filename()));
    return numbers;
}

/// Once the daemon has closed what the test has just let go of.
std::set<int> settled_descriptors(pid_t pid) {
    auto before = descriptors_of(pid);
    for (;;) {
        ::usleep(20000);
        auto now = descriptors_of(pid);
        if (now == before)
            return now;
        before = std::move(now);
    }
}

/// Waits until the daemon has as many descriptors open as it had.
bool settles(pid_t pid, const std::set<int>& descriptors) {
    for (int i = 0; i < 2000; ++i) {
        if (descriptors_of(pid).size() <= descriptors.size())
            return true;
        ::usleep(1000);
    }
    return false;
}

} // namespace

TEST_CASE("F1 F2 the broker is killed") {
    Connected c;
    c.host.stop(SIGKILL);
    what_is_shared_goes_on(c);
    everything_that_asks_fails(c);
    // Destroying everything must not hang either: that is the end of the test.
}

TEST_CASE("F1 the broker ends in an orderly way") {
    Connected c;
    const int status = c.host.stop(SIGTERM);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    // As if all domains were destroyed: pages that are mapped stay, nothing new is to be had.
    c.mapped->bytes()[7] = std::byte{7};
    CHECK(c.shared->bytes()[7] == std::byte{7});
    c.front->notify();
    everything_that_asks_fails(c);
    CHECK(std::filesystem::is_empty(c.host.dir()));
}

TEST_CASE("F1 the next broker takes a dead one's directory over") {
    Connected c;
    c.host.stop(SIGKILL);
    CHECK(std::filesystem::exists(c.host.dir() + "/hypervisor"));
    c.host.start();
    CHECK(c.host.domains()->list().size() == 1);
    CHECK_FALSE(std::filesystem::exists(c.host.dir() + "/dom"));
    // Those of the old broker's clients stay without one.
    CHECK_FALSE(c.guest->alloc_unbound(DomId{0}));
}

TEST_CASE("F1 a directory has one broker") {
    EmbeddedHost host;
    Child second([&host](Talk& talk) {
        const int status = std::system((std::string(PVSCSI_HOSTD) + " --log-level error --dir " +
                                        host.dir() + " 2>" + host.dir() + "/second.log")
                                           .c_str());
        talk.say(static_cast<std::uint64_t>(WEXITSTATUS(status)));
    });
    CHECK(second.hear() == 1);
    std::string said(1000, ' ');
    std::ifstream(host.dir() + "/second.log").getline(said.data(), 1000);
    CHECK_THAT(said, Catch::Contains("another pvscsi-hostd"));
    CHECK(host.domains()->list().size() == 1);
}

TEST_CASE("F3 a program without descriptors") {
    Connected c;
    const auto before = settled_descriptors(c.host.pid());
    for (int left = 0; left < 3; ++left) {
        const FewDescriptors few(left);
        CHECK(error_of(c.guest->alloc_unbound(DomId{0})) == std::errc::too_many_files_open);
        CHECK_THROWS_AS(c.host.open(c.guest_id), std::system_error);
        CHECK_THROWS_AS(c.host.domains(), std::system_error);
    }
    {
        const FewDescriptors few(0);
        CHECK(error_of(c.mapper->map(c.shared->refs(), Access::read_write)) ==
              GrantStatus::unavailable);
        const auto fresh = c.backend->open_grant_mapper(c.guest_id);
        std::byte local{};
        GrantCopy piece{.ref = c.shared->refs()[1], .length = 1, .local = &local};
        CHECK(fresh->copy({&piece, 1}) == 1);
        CHECK(piece.status == GrantStatus::unavailable);
    }
    // Nothing is left behind: no port, no mapping, no descriptor of the broker.
    CHECK(settles(c.host.pid(), before));
    c.mapped.reset();
    CHECK(c.shared->end_access() == GrantStatus::ok);
    CHECK(c.guest->alloc_unbound(DomId{0}));
}

TEST_CASE("F3 a broker without descriptors") {
    Connected c;
    const auto before = settled_descriptors(c.host.pid());
    int first_free = 0;
    while (before.contains(first_free))
        ++first_free;
    rlimit wide{};
    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, nullptr, &wide) == 0);
    for (rlim_t left = 0; left < 5; ++left) {
        const rlimit tight{static_cast<rlim_t>(first_free) + left, wide.rlim_max};
        REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, &tight, nullptr) == 0);
        CHECK(error_of(c.guest->alloc_unbound(DomId{0})) == std::errc::too_many_files_open);
        CHECK(c.sharer->share(DomId{0}, 1, Access::read_write)); // needs none
    }
    const rlimit none{static_cast<rlim_t>(first_free), wide.rlim_max};
    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
    CHECK(error_of(c.mapper->map(c.shared->refs(), Access::read_only)) == GrantStatus::unavailable);
    CHECK_THROWS_AS(c.domains->create("more", "", ""), std::system_error);
    CHECK(settles(c.host.pid(), before));
    CHECK_FALSE(std::filesystem::exists(c.host.dir() + "/dom/2"));

    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, &wide, nullptr) == 0);
    CHECK(c.guest->alloc_unbound(DomId{0}));
    CHECK_NOTHROW(c.domains->create("more", "", ""));
    c.mapped.reset();
    CHECK(c.shared->end_access() == GrantStatus::ok);
}

TEST_CASE("F3 a client that comes while the broker is full is served later") {
    Connected c;
    const auto before = settled_descriptors(c.host.pid());
    rlimit wide{};
    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, nullptr, &wide) == 0);
    const rlimit none{0, wide.rlim_max};
    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
    Child late([&c](Talk& talk) {
        talk.say(1);
        talk.say(c.host.open(c.guest_id)->self().value());
    });
    late.hear();
    ::usleep(50000);
    CHECK(descriptors_of(c.host.pid()) == before);
    REQUIRE(::prlimit(c.host.pid(), RLIMIT_NOFILE, &wide, nullptr) == 0);
    CHECK(late.hear() == c.guest_id.value());
}

TEST_CASE("F3 everything that a killed program held is released") {
    EmbeddedHost host;
    const DomId guest = host.domains()->create("guest", "", "").id;
    const auto before = settled_descriptors(host.pid());
    for (int round = 0; round < 5; ++round) {
        Child program([&](Talk& talk) {
            const auto hypervisor = host.open(guest);
            const auto sharer = hypervisor->open_grant_sharer();
            std::vector<std::unique_ptr<EventChannel>> channels;
            std::vector<std::unique_ptr<SharedPages>> pages;
            for (int i = 0; i < 20; ++i) {
                channels.push_back(std::move(hypervisor->alloc_unbound(DomId{0}).value()));
                pages.push_back(
                    std::move(sharer->share(DomId{0}, 3000, Access::read_write).value()));
            }
            talk.say(1);
            talk.hear();
        });
        REQUIRE(program.hear() == 1);
        CHECK(descriptors_of(host.pid()).size() > before.size() + 20);
        program.kill();
        CHECK(settles(host.pid(), before));
    }
}
