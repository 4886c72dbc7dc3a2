#include "tests/npiv/fabric/frame.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <boost/crc.hpp>

namespace pvscsi::fabric {

namespace {

// Before a frame: version, reserved bytes and the start of frame; after it: CRC, end of frame and
// reserved bytes.
constexpr std::size_t before = 14, after = 8;
constexpr std::uint8_t sof_initiate_class_3 = 0x2e, eof_terminate = 0x42;
constexpr std::uint8_t eof_first = 0x41, eof_last = 0x50;
constexpr std::uint32_t f_ctl_fill = 3;

std::uint32_t check_sum(View frame) {
    boost::crc_32_type crc;
    crc.process_bytes(frame.data(), frame.size());
    return crc.checksum();
}

// Of all the fields of FCoE the only one with its least significant byte first.
std::uint32_t load_le32(View bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (unsigned i = 4; i-- > 0;)
        value = value << 8 | bytes[at + i];
    return value;
}

} // namespace

Bytes encode(const Frame& frame) {
    const auto& header = frame.header;
    const auto fill = (4 - frame.payload.size() % 4) % 4;
    Bytes bytes(header_size);
    bytes.reserve(header_size + frame.payload.size() + fill);
    store_be32(bytes, 0, header.to.value());
    bytes[0] = static_cast<std::uint8_t>(header.routing);
    store_be32(bytes, 4, header.from.value());
    store_be32(bytes, 8, header.f_ctl | fill);
    bytes[8] = static_cast<std::uint8_t>(header.type);
    store_be16(bytes, 16, header.ox_id);
    store_be16(bytes, 18, header.rx_id);
    bytes.insert(bytes.end(), frame.payload.begin(), frame.payload.end());
    bytes.resize(bytes.size() + fill);
    return bytes;
}

std::optional<FrameView> decode(View bytes) {
    if (bytes.size() < header_size || bytes.size() % 4 != 0)
        return {};
    const auto f_ctl = load_be24(bytes, 9);
    const auto fill = f_ctl & f_ctl_fill;
    if (bytes.size() < header_size + fill)
        return {};
    FrameView frame;
    frame.header = {static_cast<Routing>(bytes[0]),
                    PortId{load_be24(bytes, 1)},
                    PortId{load_be24(bytes, 5)},
                    static_cast<Type>(bytes[8]),
                    f_ctl & ~f_ctl_fill,
                    load_be16(bytes, 16),
                    load_be16(bytes, 18)};
    frame.payload = bytes.subspan(header_size, bytes.size() - header_size - fill);
    return frame;
}

std::optional<Ethernet> ethernet_of(View packet) {
    if (packet.size() < ethernet_size)
        return {};
    Ethernet header;
    std::copy_n(packet.begin(), 6, header.to.begin());
    std::copy_n(packet.begin() + 6, 6, header.from.begin());
    header.type = static_cast<EtherType>(load_be16(packet, 12));
    if (header.type != EtherType::fcoe && header.type != EtherType::fip)
        return {};
    return header;
}

void append(Bytes& packet, const Ethernet& header) {
    packet.insert(packet.end(), header.to.begin(), header.to.end());
    packet.insert(packet.end(), header.from.begin(), header.from.end());
    packet.resize(packet.size() + 2);
    store_be16(packet, packet.size() - 2, static_cast<std::uint16_t>(header.type));
}

std::optional<FcoeView> fcoe_of(View packet) {
    const auto ethernet = ethernet_of(packet);
    if (!ethernet || ethernet->type != EtherType::fcoe || packet.size() < ethernet_least)
        return {};
    const auto end = packet.size() - after;
    const auto eof = packet[end + 4];
    if (eof < eof_first || eof > eof_last)
        return {};
    FcoeView view;
    view.from = ethernet->from;
    view.frame = packet.subspan(ethernet_size + before, end - ethernet_size - before);
    view.intact = check_sum(view.frame) == load_le32(packet, end);
    return view;
}

Bytes to_fcoe(const Frame& frame) {
    Bytes packet;
    append(packet, {provided_mac(frame.header.to), fcf_mac, EtherType::fcoe});
    packet.resize(ethernet_size + before);
    packet.back() = sof_initiate_class_3;
    const auto bytes = encode(frame);
    packet.insert(packet.end(), bytes.begin(), bytes.end());
    const auto crc = check_sum(bytes);
    for (unsigned i = 0; i < 4; ++i)
        packet.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
    packet.insert(packet.end(), {eof_terminate, 0, 0, 0});
    return packet;
}

void readdress(Bytes& packet, PortId to) {
    const auto mac = provided_mac(to);
    std::copy(mac.begin(), mac.end(), packet.begin());
    std::copy(fcf_mac.begin(), fcf_mac.end(), packet.begin() + 6);
}

} // namespace pvscsi::fabric
