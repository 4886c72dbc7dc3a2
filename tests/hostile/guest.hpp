// A guest that speaks xenbus and the ring by hand, so that it can do every step wrong.
//
// Thread: one, except for memory() and ring_bytes(), which an attack may scribble on from others.
#pragma once

#include "ring/abi.hpp"
#include "tests/hostile/machine.hpp"

#include <atomic>
#include <chrono>
#include <optional>

namespace pvscsi::hostile {

class Guest {
  public:
    /// Pages of data to have granted to the backend, read and write.
    static constexpr std::size_t data_pages = 64;

    Guest(Machine& machine, const Vhost& vhost);

    // --- xenbus, in the order of a sound frontend ---
    /// A fresh ring and event channel, not yet told to anybody.
    void make_ring(hv::Access access = hv::Access::read_write);
    void announce();   ///< ring-ref and event-channel, then state 3
    void connect();    ///< all of it, to Connected on both sides
    void disconnect(); ///< Closing, Closed, and back to Initialising
    /// To Connected from wherever it is, as a frontend does that knows nothing of what went before:
    /// when the backend closes instead of connecting, it closes and tries anew.
    void recover();
    /// The backend has closed, as it has to, with a reason; closes as well and starts over.
    void be_thrown_out(const std::string& attack);
    void set_state(xenbus::State state) { set("state", to_node(state)); }
    /// Writes a node of the frontend's own; the store may refuse it.
    Result<void> set(const std::string& node, const std::string& value);

    // --- the ring ---
    [[nodiscard]] std::span<std::byte> ring_bytes() { return ring_->bytes(); }
    [[nodiscard]] std::uint32_t load(std::size_t offset);
    void store_index(std::size_t offset, std::uint32_t value);
    /// Puts a request into the next slot and publishes it; the slot may be in use.
    void send(const ring::WireRequest& request);
    void put(const ring::WireRequest& request); ///< without publishing
    void publish();
    void kick() { channel_->notify(); }
    /// Whether the next response is there; taken in order.
    std::optional<ring::WireResponse> take();
    ring::WireResponse receive(); ///< Broken if none comes
    /// Sends one request and receives its response.
    ring::WireResponse ask(const ring::WireRequest& request);
    [[nodiscard]] unsigned owed() const { return produced_ - consumed_; }

    // --- memory ---
    [[nodiscard]] std::span<std::byte> memory() { return data_->bytes(); }
    [[nodiscard]] GrantRef ref(std::size_t page) const { return data_->refs()[page]; }
    [[nodiscard]] GrantRef ring_ref() const { return ring_->refs()[0]; }
    std::unique_ptr<hv::SharedPages> share(std::size_t pages, hv::Access access,
                                           DomId with = DomId{0});
    hv::SharedPages& ring_pages() { return *ring_; }

    // --- requests, sound until somebody changes them; each with a tag of its own ---
    ring::WireRequest cdb(std::span<const std::uint8_t> bytes, ring::WireDirection direction);
    /// READ(10) or WRITE(10) of `blocks` sectors of 512 bytes, from page `page` on.
    ring::WireRequest read(std::uint32_t lba, unsigned blocks, std::size_t page = 0);
    ring::WireRequest write(std::uint32_t lba, unsigned blocks, std::size_t page = 0);
    ring::WireRequest test_unit_ready();
    ring::WireRequest manage(ring::WireAction action, std::uint16_t victim = 0);

    /// A write and a read back over the present connection give the same bytes.
    void prove_service();

    [[nodiscard]] const Vhost& vhost() const { return vhost_; }
    [[nodiscard]] Machine& machine() { return machine_; }
    [[nodiscard]] hv::Hypervisor& hypervisor() { return *hypervisor_; }
    [[nodiscard]] hv::EventChannel& channel() { return *channel_; }

  private:
    ring::WireRequest transfer(std::uint8_t opcode, std::uint32_t lba, unsigned blocks,
                               std::size_t page);
    void settle(); ///< both ends closed, then Initialising
    bool try_to_connect();
    void be_connected();

    Machine& machine_;
    Vhost vhost_;
    std::unique_ptr<hv::Hypervisor> hypervisor_;
    std::unique_ptr<hv::Store> store_;
    std::unique_ptr<hv::GrantSharer> sharer_;
    std::unique_ptr<hv::SharedPages> data_, ring_;
    std::unique_ptr<hv::EventChannel> channel_;
    std::uint32_t produced_ = 0, consumed_ = 0;
    std::uint16_t tag_ = 0;
};

inline bool good(const ring::WireResponse& response) {
    return response.rslt == 0;
}
inline unsigned host_of(const ring::WireResponse& response) {
    return static_cast<std::uint32_t>(response.rslt) >> 16 & 0xff;
}
inline constexpr unsigned host_error = 7;
inline constexpr unsigned host_no_connect = 1;

} // namespace pvscsi::hostile
