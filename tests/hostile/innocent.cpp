#include "tests/hostile/innocent.hpp"

#include <cstring>

namespace pvscsi::hostile {

namespace {
constexpr unsigned disk_blocks = 8 * 2048; // 8 MiB
constexpr unsigned round_blocks = 64;      // eight pages
constexpr std::chrono::seconds innocent_patience{30};
} // namespace

Innocent::Innocent(const std::string& host_dir)
    : machine_(host_dir), vhost_(machine_.add_guest("innocent", {"ram:8M"})),
      guest_(machine_, vhost_) {
    guest_.connect();
    guest_.prove_service();
    thread_ = std::thread([this] { run(); });
}

Innocent::~Innocent() {
    stop_ = true;
    thread_.join();
}

void Innocent::run() {
    try {
        for (std::uint32_t number = 1; !stop_; ++number) {
            round(number);
            ++rounds_;
            // The attackers need the machine, too.
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    } catch (const std::exception& error) {
        const std::lock_guard lock(mutex_);
        failure_ = error.what();
        failed_ = true;
    }
}

void Innocent::round(std::uint32_t number) {
    const std::uint32_t lba = number * 2654435761u % (disk_blocks / round_blocks) * round_blocks;
    const auto bytes = guest_.memory();
    const std::size_t size = round_blocks * 512;
    for (std::size_t i = 0; i < size; i += sizeof number) {
        const std::uint32_t value = number ^ static_cast<std::uint32_t>(i * 2246822519u);
        std::memcpy(bytes.data() + i, &value, sizeof value);
    }
    std::memset(bytes.data() + size, 0xee, size);
    expect(good(guest_.ask(guest_.write(lba, round_blocks, 0))), "the innocent guest's write");
    expect(good(guest_.ask(guest_.read(lba, round_blocks, size / hv::page_size))),
           "the innocent guest's read");
    expect(std::memcmp(bytes.data(), bytes.data() + size, size) == 0,
           "the innocent guest's data are right");
    for (std::size_t i = 2 * size; i < bytes.size(); ++i)
        expect(bytes[i] == std::byte{0}, "the innocent guest's other memory is untouched");
}

void Innocent::check(std::uint64_t rounds) {
    const auto deadline = std::chrono::steady_clock::now() + innocent_patience;
    const std::uint64_t wanted = rounds_ + rounds;
    while (rounds_ < wanted) {
        if (failed_) {
            const std::lock_guard lock(mutex_);
            throw Broken("the innocent guest suffers: " + failure_);
        }
        expect(std::chrono::steady_clock::now() < deadline, "the innocent guest gets on");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

} // namespace pvscsi::hostile
