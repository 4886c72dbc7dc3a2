// GrantMapper on the embedded host. Mapping goes through the broker; copying does not: once the
// first grant has been used, the peer's pool and grant table are in our address space, and a
// piece is one load of its entry, the checks, and a memcpy.
// Thread and errors: as GrantMapper.
#pragma once

#include "common/hypervisor/grant.hpp"
#include "common/hypervisor/host/connection.hpp"

#include <memory>

namespace pvscsi::hv::host {

class HostGrantMapper final : public GrantMapper {
  public:
    HostGrantMapper(std::shared_ptr<BrokerConnection> broker, DomId peer)
        : broker_(std::move(broker)), peer_(peer) {}
    ~HostGrantMapper() override;

    Expected<std::unique_ptr<MappedPages>, GrantStatus> map(std::span<const GrantRef> refs,
                                                            Access access) override;
    std::size_t copy(std::span<GrantCopy> pieces) noexcept override;

  private:
    /// The peer's memory as far as we may use it.
    struct Window {
        std::uint32_t handle = 0;
        bool writable = false;
        Mapping pool;
        Mapping table;
        Mapping copiers;
        std::uint32_t slot = 0;
    };

    [[nodiscard]] GrantStatus open_window(std::uint32_t ref, bool write);
    void close_window() noexcept;
    [[nodiscard]] bool alive() const noexcept;
    [[nodiscard]] bool covers(const GrantCopy& piece) const noexcept;
    /// Opens the window for what `piece` needs. Only before the first copy in its direction.
    [[nodiscard]] GrantStatus widen(const GrantCopy& piece) noexcept;
    [[nodiscard]] GrantStatus copy_one(const GrantCopy& piece) const noexcept;
    std::size_t copy_ready(std::span<GrantCopy> pieces) noexcept;

    std::shared_ptr<BrokerConnection> broker_;
    DomId peer_;
    Window window_;
};

} // namespace pvscsi::hv::host
