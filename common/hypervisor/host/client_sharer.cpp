#include "common/hypervisor/host/client_sharer.hpp"

#include "common/hypervisor/host/copiers.hpp"

#include <cerrno>

namespace pvscsi::hv::host {

namespace {

class HostSharedPages final : public SharedPages {
  public:
    HostSharedPages(std::shared_ptr<BrokerConnection> broker, Mapping pages,
                    std::vector<GrantRef> refs)
        : broker_(std::move(broker)), pages_(std::move(pages)), refs_(std::move(refs)),
          ended_(refs_.size(), 0) {}

    // What is in use still is the broker's to end: it waits for the peer, we do not.
    ~HostSharedPages() override {
        pages_ = Mapping();
        broker_->tell({.op = Op::free_pages, .number = refs_.front().value()});
    }

    [[nodiscard]] std::span<std::byte> bytes() noexcept override { return pages_.bytes(); }
    [[nodiscard]] std::span<const GrantRef> refs() const noexcept override { return refs_; }
    GrantStatus end_access() noexcept override;

    void grant(DomId peer, Access access) noexcept;

  private:
    [[nodiscard]] EntryWord& entry(std::size_t i) const {
        return broker_->grant_table().entries[refs_[i].value()];
    }
    /// False if the page is mapped; its entry is unchanged then.
    bool revoke(std::size_t i) noexcept;

    std::shared_ptr<BrokerConnection> broker_;
    Mapping pages_;
    std::vector<GrantRef> refs_;
    std::vector<std::uint64_t> ended_; ///< the entries that end_access() is taking back
};

void HostSharedPages::grant(DomId peer, Access access) noexcept {
    const std::uint16_t flags = static_cast<std::uint16_t>(
        gtf::permit_access | (access == Access::read_only ? gtf::read_only : 0));
    for (std::size_t i = 0; i < refs_.size(); ++i)
        entry(i).store(pack({flags, peer.value(), refs_[i].value()}), std::memory_order_release);
}

bool HostSharedPages::revoke(std::size_t i) noexcept {
    std::uint64_t word = entry(i).load(std::memory_order_acquire);
    for (;;) {
        if ((unpack(word).flags & gtf::in_use) != 0)
            return false;
        // The broker may be setting a flag just now; then we look again.
        if (entry(i).compare_exchange_weak(word, 0)) {
            ended_[i] = word;
            return true;
        }
    }
}

GrantStatus HostSharedPages::end_access() noexcept {
    bool all = true;
    for (std::size_t i = 0; i < refs_.size(); ++i) {
        ended_[i] = 0;
        all &= revoke(i);
    }
    if (!wait_for_copies(broker_->copiers())) {
        for (std::size_t i = 0; i < refs_.size(); ++i)
            if (ended_[i] != 0)
                entry(i).store(ended_[i], std::memory_order_release);
        return GrantStatus::busy;
    }
    return all ? GrantStatus::ok : GrantStatus::busy;
}

} // namespace

Expected<std::unique_ptr<SharedPages>, GrantStatus>
HostGrantSharer::share(DomId peer, std::size_t pages, Access access) {
    if (pages == 0)
        return unexpected(GrantStatus::bad_range);
    if (pages > pool_pages)
        return unexpected(GrantStatus::no_space);
    const auto received =
        broker_->call({.op = Op::alloc_pages, .count = static_cast<std::uint32_t>(pages)});
    if (!received)
        return unexpected(GrantStatus::unavailable);
    if (received->reply.error != 0)
        return unexpected(received->reply.error == ENOSPC ? GrantStatus::no_space
                                                          : GrantStatus::unavailable);
    const std::uint32_t first = received->reply.number;
    try {
        std::vector<GrantRef> refs;
        for (std::uint32_t i = 0; i < pages; ++i)
            refs.emplace_back(first + i);
        Mapping memory(broker_->pool_fd(), first * page_size, pages * page_size,
                       Access::read_write);
        auto shared =
            std::make_unique<HostSharedPages>(broker_, std::move(memory), std::move(refs));
        shared->grant(peer, access);
        return shared;
    } catch (const std::system_error&) {
        broker_->tell({.op = Op::free_pages, .number = first});
        return unexpected(GrantStatus::no_space);
    }
}

} // namespace pvscsi::hv::host
