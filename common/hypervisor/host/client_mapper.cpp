#include "common/hypervisor/host/client_mapper.hpp"

#include "common/hypervisor/host/copiers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace pvscsi::hv::host {

namespace {

class HostMappedPages final : public MappedPages {
  public:
    HostMappedPages(std::shared_ptr<BrokerConnection> broker, std::uint32_t handle, Mapping pages)
        : broker_(std::move(broker)), handle_(handle), pages_(std::move(pages)) {}
    ~HostMappedPages() override {
        pages_ = Mapping(); // before the broker lets the owner have them back
        broker_->tell({.op = Op::unmap, .number = handle_});
    }
    [[nodiscard]] std::span<std::byte> bytes() noexcept override { return pages_.bytes(); }

  private:
    std::shared_ptr<BrokerConnection> broker_;
    std::uint32_t handle_;
    Mapping pages_;
};

/// Maps `frames` of the pool one after the other. Empty on failure.
Mapping map_frames(int pool, std::span<const std::uint32_t> frames, Access access) {
    const std::size_t size = frames.size() * page_size;
    void* base = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return {};
    Mapping pages({static_cast<std::byte*>(base), size});
    const int protection = access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
    for (std::size_t i = 0; i < frames.size();) {
        std::size_t run = 1;
        while (i + run < frames.size() && frames[i + run] == frames[i] + run)
            ++run;
        if (::mmap(pages.data() + i * page_size, run * page_size, protection,
                   MAP_SHARED | MAP_FIXED, pool,
                   static_cast<off_t>(frames[i] * page_size)) == MAP_FAILED)
            return {};
        i += run;
    }
    return pages;
}

constexpr bool to_peer(const GrantCopy& piece) {
    return piece.direction == GrantCopy::Direction::to_peer;
}

/// What a reply that brought no pages means to the caller.
GrantStatus status_of(const Result<BrokerConnection::Received>& received, std::size_t fds) {
    if (!received || !check(*received, fds))
        return GrantStatus::unavailable;
    return received->reply.status;
}

} // namespace

HostGrantMapper::~HostGrantMapper() {
    close_window();
}

Expected<std::unique_ptr<MappedPages>, GrantStatus>
HostGrantMapper::map(std::span<const GrantRef> refs, Access access) {
    if (refs.empty())
        return unexpected(GrantStatus::bad_range);
    if (refs.size() > max_refs_per_map)
        return unexpected(GrantStatus::no_space);
    std::vector<std::uint32_t> numbers(refs.size());
    std::ranges::transform(refs, numbers.begin(), [](GrantRef ref) { return ref.value(); });
    const bool write = access == Access::read_write;
    const auto received =
        broker_->call({.op = Op::map, .domain = peer_.value(), .write = write ? 1U : 0U},
                      std::as_bytes(std::span(numbers)));
    const GrantStatus status = status_of(received, 1);
    const bool mapped =
        received && received->reply.error == 0 && received->reply.status == GrantStatus::ok;
    if (!mapped)
        return unexpected(status);

    Mapping pages;
    if (status == GrantStatus::ok && received->body.size() == numbers.size() * 4) {
        std::memcpy(numbers.data(), received->body.data(), received->body.size());
        pages = map_frames(received->fds[0].get(), numbers, access);
    }
    if (!pages) {
        broker_->tell({.op = Op::unmap, .number = received->reply.number});
        return unexpected(GrantStatus::unavailable);
    }
    // What copies will need: now rather than in the first of them.
    if (window_.handle == 0 || (write && !window_.writable))
        (void)open_window(refs.front().value(), write);
    return std::make_unique<HostMappedPages>(broker_, received->reply.number, std::move(pages));
}

GrantStatus HostGrantMapper::open_window(std::uint32_t ref, bool write) {
    const auto received = broker_->call(
        {.op = Op::open_peer, .domain = peer_.value(), .number = ref, .write = write ? 1U : 0U});
    const GrantStatus status = status_of(received, 3);
    if (!received || received->reply.error != 0 || received->reply.status != GrantStatus::ok)
        return status;
    const std::uint32_t handle = received->reply.number;
    if (status != GrantStatus::ok) {
        broker_->tell({.op = Op::close_peer, .number = handle});
        return status;
    }
    try {
        Window window{
            handle,
            write,
            Mapping(received->fds[0].get(), 0, pool_pages * page_size,
                    write ? Access::read_write : Access::read_only),
            Mapping(received->fds[1].get(), 0, sizeof(GrantTablePages), Access::read_only),
            Mapping(received->fds[2].get(), 0, sizeof(CopierPages), Access::read_write),
            received->reply.count};
        close_window();
        window_ = std::move(window);
    } catch (const std::system_error&) {
        broker_->tell({.op = Op::close_peer, .number = handle});
        return GrantStatus::unavailable;
    }
    return GrantStatus::ok;
}

void HostGrantMapper::close_window() noexcept {
    if (window_.handle == 0)
        return;
    broker_->tell({.op = Op::close_peer, .number = window_.handle});
    window_ = Window{};
}

bool HostGrantMapper::alive() const noexcept {
    const auto dead = [](const CopierPages& pages) {
        return pages.header.dead.load(std::memory_order_relaxed) != 0;
    };
    return !dead(window_.copiers.as<CopierPages>()) && !dead(broker_->copiers());
}

bool HostGrantMapper::covers(const GrantCopy& piece) const noexcept {
    return window_.writable || (window_.handle != 0 && !to_peer(piece));
}

GrantStatus HostGrantMapper::widen(const GrantCopy& piece) noexcept {
    try {
        return open_window(piece.ref.value(), to_peer(piece));
    } catch (const std::exception&) {
        return GrantStatus::unavailable; // out of memory
    }
}

GrantStatus HostGrantMapper::copy_one(const GrantCopy& piece) const noexcept {
    const std::uint32_t ref = piece.ref.value();
    if (ref < first_ref || ref >= table_entries)
        return GrantStatus::bad_ref;
    const auto& table = window_.table.as<const GrantTablePages>();
    const GrantEntry entry = unpack(table.entries[ref].load(std::memory_order_acquire));
    const GrantStatus status = check_entry(entry, broker_->self(), to_peer(piece));
    if (status != GrantStatus::ok)
        return status;
    if (std::size_t{piece.offset} + piece.length > page_size)
        return GrantStatus::bad_range;
    std::byte* page = window_.pool.data() + std::size_t{entry.frame} * page_size + piece.offset;
    if (to_peer(piece))
        std::memcpy(page, piece.local, piece.length);
    else
        std::memcpy(piece.local, page, piece.length);
    return GrantStatus::ok;
}

std::size_t HostGrantMapper::copy_ready(std::span<GrantCopy> pieces) noexcept {
    const CopyScope scope(window_.copiers.as<CopierPages>().slots[window_.slot].sequence);
    const bool usable = alive();
    std::size_t failed = 0;
    for (GrantCopy& piece : pieces) {
        piece.status = usable ? copy_one(piece) : GrantStatus::bad_domain;
        failed += piece.status == GrantStatus::ok ? 0 : 1;
    }
    return failed;
}

std::size_t HostGrantMapper::copy(std::span<GrantCopy> pieces) noexcept {
    std::size_t failed = 0;
    while (!pieces.empty()) {
        const auto first =
            std::ranges::find_if(pieces, [this](const GrantCopy& piece) { return !covers(piece); });
        const auto ready = static_cast<std::size_t>(first - pieces.begin());
        if (ready > 0)
            failed += copy_ready(pieces.first(ready));
        pieces = pieces.subspan(ready);
        if (pieces.empty())
            break;
        pieces.front().status = widen(pieces.front());
        if (pieces.front().status != GrantStatus::ok) {
            ++failed;
            pieces = pieces.subspan(1);
        }
    }
    return failed;
}

} // namespace pvscsi::hv::host
