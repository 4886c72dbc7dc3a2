#include "tests/npiv/fabric/fip.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <functional>

namespace pvscsi::fabric::fip {

namespace {

enum class Operation : std::uint16_t { discovery = 1, link_service = 2, control = 3 };
constexpr std::uint8_t request = 1, reply = 2;          // discovery, link service
constexpr std::uint8_t keep_alive = 1, clear_links = 2; // control
enum class Descriptor : std::uint8_t {
    priority = 1,
    mac = 2,
    name = 4,
    fabric = 5,
    packet_size = 6,
    port = 11,
    period = 12,
};
constexpr std::uint16_t provides_macs = 0x8000, fcf_for_enodes = 0x20, available = 4, solicited = 2,
                        from_fcf = 1;

// The header of FIP, after Ethernet's.
constexpr std::size_t fip_size = 10, header_end = ethernet_size + fip_size;

/// Writes a packet: the header, then descriptors of whole words.
class Writer {
  public:
    Writer(const Mac& to, Operation operation, std::uint8_t subcode, std::uint16_t flags) {
        append(packet_, {to, fcf_mac, EtherType::fip});
        packet_.resize(header_end);
        auto header = std::span(packet_).subspan(ethernet_size);
        header[0] = 0x10; // version 1
        store_be16(header, 2, static_cast<std::uint16_t>(operation));
        header[5] = subcode;
        store_be16(header, 8, flags);
    }
    /// A descriptor of this size, which may be changed until the next one.
    std::span<std::uint8_t> add(std::uint8_t type, std::size_t size) {
        const auto at = packet_.size();
        packet_.resize(at + size);
        packet_[at] = type;
        packet_[at + 1] = static_cast<std::uint8_t>(size / 4);
        return std::span(packet_).subspan(at);
    }
    std::span<std::uint8_t> add(Descriptor type, std::size_t size) {
        return add(static_cast<std::uint8_t>(type), size);
    }
    void add_mac(const Mac& mac) {
        std::copy(mac.begin(), mac.end(), add(Descriptor::mac, 8).begin() + 2);
    }
    void add_switch_name() { store_be64(add(Descriptor::name, 12), 4, switch_name.value()); }
    Bytes packet(std::size_t least = 0) {
        store_be16(packet_, ethernet_size + 6, (packet_.size() - header_end) / 4);
        packet_.resize(std::max({packet_.size(), ethernet_least, least}));
        return std::move(packet_);
    }

  private:
    Bytes packet_;
};

/// Calls `take` for each descriptor; false if they don't fit into what they lie in.
bool each_descriptor(View list, const std::function<void(std::uint8_t type, View)>& take) {
    while (!list.empty()) {
        const std::size_t size = list.size() < 2 ? 0 : std::size_t{list[1]} * 4;
        if (size == 0 || size > list.size())
            return false;
        take(list[0], list.first(size));
        list = list.subspan(size);
    }
    return true;
}

bool is(Descriptor wanted, std::uint8_t type, View descriptor, std::size_t size) {
    return static_cast<Descriptor>(type) == wanted && descriptor.size() >= size;
}

std::optional<Packet> solicitation_of(const Mac& enode, View list) {
    Solicitation found{enode, 0};
    const bool whole = each_descriptor(list, [&](std::uint8_t type, View descriptor) {
        if (is(Descriptor::packet_size, type, descriptor, 4))
            found.packet_size = load_be16(descriptor, 2);
    });
    return whole ? std::optional(Packet{found, {}, {}}) : std::nullopt;
}

std::optional<Packet> login_of(const Mac& enode, View list) {
    std::optional<LoginRequest> found;
    const bool whole = each_descriptor(list, [&](std::uint8_t type, View descriptor) {
        const auto kind = static_cast<LoginKind>(type);
        if (kind < LoginKind::flogi || kind > LoginKind::logo)
            return;
        const auto frame = descriptor.subspan(4);
        found = LoginRequest{enode, kind, Bytes(frame.begin(), frame.end())};
    });
    return whole && found ? std::optional(Packet{{}, found, {}}) : std::nullopt;
}

std::optional<Packet> keep_alive_of(const Mac& enode, View list) {
    KeepAlive found{enode, {}};
    const bool whole = each_descriptor(list, [&](std::uint8_t type, View descriptor) {
        if (is(Descriptor::port, type, descriptor, 20))
            found.port = PortId{load_be24(descriptor, 9)};
        if (is(Descriptor::mac, type, descriptor, 8))
            std::copy_n(descriptor.begin() + 2, 6, found.enode.begin());
    });
    return whole ? std::optional(Packet{{}, {}, found}) : std::nullopt;
}

} // namespace

std::optional<Packet> packet_of(View packet) {
    const auto ethernet = ethernet_of(packet);
    if (!ethernet || ethernet->type != EtherType::fip || packet.size() < header_end)
        return {};
    const auto header = packet.subspan(ethernet_size);
    const std::size_t size = std::size_t{load_be16(header, 6)} * 4;
    if (header[0] >> 4 != 1 || size > packet.size() - header_end)
        return {};
    const auto list = packet.subspan(header_end, size);
    const auto subcode = header[5];
    switch (static_cast<Operation>(load_be16(header, 2))) {
    case Operation::discovery:
        return subcode == request ? solicitation_of(ethernet->from, list) : std::nullopt;
    case Operation::link_service:
        return subcode == request ? login_of(ethernet->from, list) : std::nullopt;
    case Operation::control:
        return subcode == keep_alive ? keep_alive_of(ethernet->from, list) : std::nullopt;
    }
    return {};
}

Bytes advertisement(const Mac& to, std::chrono::milliseconds period, std::uint16_t padded) {
    std::uint16_t flags = provides_macs | fcf_for_enodes | available | from_fcf;
    if (padded != 0)
        flags |= solicited;
    Writer writer(to, Operation::discovery, reply, flags);
    constexpr std::uint8_t middle_priority = 128;
    writer.add(Descriptor::priority, 4)[3] = middle_priority;
    writer.add_mac(fcf_mac);
    writer.add_switch_name();
    const auto fabric = writer.add(Descriptor::fabric, 16);
    store_be24(fabric, 5, fc_map);
    store_be64(fabric, 8, fabric_name.value());
    store_be32(writer.add(Descriptor::period, 8), 4, static_cast<std::uint32_t>(period.count()));
    return writer.packet(padded == 0 ? 0 : ethernet_size + padded);
}

Bytes login_reply(const Mac& to, LoginKind kind, const Frame& frame,
                  const std::optional<Mac>& granted) {
    Writer writer(to, Operation::link_service, reply, provides_macs);
    const auto bytes = encode(frame);
    const auto descriptor = writer.add(static_cast<std::uint8_t>(kind), 4 + bytes.size());
    std::copy(bytes.begin(), bytes.end(), descriptor.begin() + 4);
    if (granted)
        writer.add_mac(*granted);
    return writer.packet();
}

Bytes clear_link(const Mac& to, const std::vector<ClearedPort>& ports) {
    Writer writer(to, Operation::control, clear_links, provides_macs);
    writer.add_mac(fcf_mac);
    writer.add_switch_name();
    for (const auto& port : ports) {
        const auto mac = provided_mac(port.id);
        const auto descriptor = writer.add(Descriptor::port, 20);
        std::copy(mac.begin(), mac.end(), descriptor.begin() + 2);
        store_be24(descriptor, 9, port.id.value());
        store_be64(descriptor, 12, port.port.value());
    }
    return writer.packet();
}

} // namespace pvscsi::fabric::fip
