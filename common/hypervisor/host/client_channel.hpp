// EventChannel on the embedded host: a state word for each end in a shared page, and a pipe for
// each end to sleep on. The broker is not involved after the channel has been set up.
//
// Thread and errors: as EventChannel. The peer can write to our state word and pipe whatever it
// likes; all it gains is that we look in vain or are not told, which it could do anyway.
#pragma once

#include "common/hypervisor/evtchn.hpp"
#include "common/hypervisor/host/connection.hpp"

#include <array>
#include <memory>

namespace pvscsi::hv::host {

class HostEventChannel final : public EventChannel {
  public:
    /// `request` is alloc_unbound or bind_interdomain.
    static Result<std::unique_ptr<EventChannel>> open(std::shared_ptr<BrokerConnection> broker,
                                                      const Request& request);

    HostEventChannel(std::shared_ptr<BrokerConnection> broker, EvtchnPort port, std::uint32_t end,
                     Mapping page, UniqueFd own, UniqueFd peer);
    ~HostEventChannel() override;

    [[nodiscard]] EvtchnPort port() const noexcept override { return port_; }
    [[nodiscard]] int fd() const noexcept override { return own_.get(); }
    bool take() noexcept override;
    void unmask() noexcept override;
    void notify() noexcept override;

  private:
    using State = std::atomic<std::uint32_t>;

    [[nodiscard]] State& own_state() const { return page_.as<ChannelPage>().ends[end_].state; }
    [[nodiscard]] State& peer_state() const { return page_.as<ChannelPage>().ends[1 - end_].state; }
    /// Empties our pipe. False if there was nothing in it.
    bool drain() const noexcept;

    std::shared_ptr<BrokerConnection> broker_;
    EvtchnPort port_;
    std::uint32_t end_;
    Mapping page_;
    UniqueFd own_;
    UniqueFd peer_;
    unsigned vain_takes_ = 0;
};

} // namespace pvscsi::hv::host
