#include "frontend/run/open_file.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <system_error>

namespace pvscsi::run {

namespace {

constexpr std::size_t page_size = 4096;
constexpr std::int32_t default_reserved_size = 32768;    // the sg driver's
constexpr std::int32_t default_timeout_ticks = 60 * 100; // SG_DEFAULT_TIMEOUT in USER_HZ

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// Sealed: a program that could shrink the file would end us with SIGBUS.
UniqueFd make_memory(std::size_t size) {
    UniqueFd memory(adopt_fd, memfd_create("pvscsi-run", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory)
        fail("memfd_create");
    if (ftruncate(memory.get(), static_cast<off_t>(size)) != 0)
        fail("ftruncate of shared memory");
    if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        fail("sealing of shared memory");
    return memory;
}

std::uint32_t milliseconds_since(Clock::time_point begun) noexcept {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    return static_cast<std::uint32_t>(passed.count());
}

} // namespace

OpenFile::OpenFile(const Hctl& address, std::uint32_t minor, std::size_t max_transfer)
    : address_(address), region_size_((max_transfer + page_size - 1) / page_size * page_size) {
    const std::size_t size = wire::memory_size(region_size_);
    memory_ = make_memory(size);
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (mapped == MAP_FAILED)
        fail("mmap of shared memory");
    page_ = new (mapped) wire::Page{};
    page_->region_size = static_cast<std::uint32_t>(region_size_);
    page_->minor = minor;
    page_->host = address.host;
    page_->channel = address.channel;
    page_->target = address.target;
    page_->lun = address.lun;
    page_->timeout = default_timeout_ticks;
    page_->reserved_size = std::min(default_reserved_size, static_cast<std::int32_t>(region_size_));
    set_max_transfer(max_transfer);
}

OpenFile::~OpenFile() {
    munmap(page_, wire::memory_size(region_size_));
}

const Order* OpenFile::begin(std::uint32_t slot, Clock::time_point now) noexcept {
    if (slot >= wire::slot_count || busy_[slot])
        return nullptr;
    Order& order = orders_[slot];
    std::memcpy(&order.request, &page_->slots[slot].request, sizeof(order.request));
    // The copy is what is looked at from here on; the page may change while we do.
    asm volatile("" ::: "memory");
    order.begun = now;
    busy_[slot] = true;
    ++in_flight_;
    return &order;
}

bool OpenFile::is_valid(const Order& order) const noexcept {
    const wire::Request& request = order.request;
    return (request.kind == wire::Kind::command || request.kind == wire::Kind::reset_lun) &&
           request.direction <= wire::Direction::from_device &&
           request.region < wire::region_count && request.data_length <= region_size_ &&
           (request.kind == wire::Kind::reset_lun || request.cdb_length != 0);
}

std::span<std::byte> OpenFile::data(unsigned slot) const noexcept {
    const wire::Request& request = orders_[slot].request;
    auto* start = reinterpret_cast<std::byte*>(page_);
    return {start + wire::region_offset(region_size_, request.region), request.data_length};
}

void OpenFile::complete(unsigned slot, const Completion& completion) noexcept {
    wire::Outcome outcome{};
    outcome.host = static_cast<std::uint8_t>(completion.host);
    outcome.status = completion.status;
    const std::size_t length = std::min(completion.sense.size(), wire::sense_size);
    std::copy_n(completion.sense.begin(), length, outcome.sense);
    outcome.sense_length = static_cast<std::uint8_t>(length);
    outcome.residual = std::min(completion.residual, orders_[slot].request.data_length);
    publish(slot, outcome);
}

void OpenFile::refuse(unsigned slot, int error) noexcept {
    wire::Outcome outcome{};
    outcome.error = error;
    publish(slot, outcome);
}

void OpenFile::publish(unsigned slot, const wire::Outcome& outcome) noexcept {
    const Order& order = orders_[slot];
    const bool synchronous = order.request.synchronous != 0;
    wire::Slot& shared = page_->slots[slot];
    shared.outcome = outcome;
    shared.outcome.duration_ms = milliseconds_since(order.begun);
    busy_[slot] = false;
    --in_flight_;
    shared.state.store(wire::slot_done, std::memory_order_release);
    notify(synchronous);
}

/// One byte for a response that somebody will poll for. A program that does not take its bytes
/// cannot have more than slot_count responses either; if it lies about that, it misses wake-ups.
void OpenFile::notify(bool synchronous) noexcept {
    const unsigned char byte = 1;
    if (!synchronous && socket_)
        ::send(socket_.get(), &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
    page_->completions.fetch_add(1);
    if (page_->waiters.load() != 0)
        syscall(SYS_futex, &page_->completions, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void OpenFile::set_max_transfer(std::size_t bytes) noexcept {
    page_->max_transfer = static_cast<std::uint32_t>(std::min(bytes, region_size_));
}

void OpenFile::detach() noexcept {
    detached_ = true;
    page_->detached.store(1);
    notify(true);
}

void OpenFile::hang_up() noexcept {
    if (socket_)
        shutdown(socket_.get(), SHUT_RDWR);
}

} // namespace pvscsi::run
