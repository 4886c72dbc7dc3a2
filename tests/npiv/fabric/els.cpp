#include "tests/npiv/fabric/els.hpp"

#include "common/base/bytes.hpp"

namespace pvscsi::fabric {

namespace {

Bytes payload(Els what, std::size_t size) {
    Bytes bytes(size);
    bytes[0] = static_cast<std::uint8_t>(what);
    return bytes;
}

// Common service parameters.
constexpr std::size_t version = 4, credit = 6, features = 8, receive_size = 10;
constexpr std::size_t r_a_tov = 12, sequences = 12, offset_by_type = 14, e_d_tov = 16;
constexpr std::size_t port_name = 20, node_name = 28;
// Class 3 service parameters: two classes of 16 bytes lie before them.
constexpr std::size_t class_3 = 36 + 2 * 16;
constexpr std::size_t class_receive_size = 6, class_sequences = 8, class_open_sequences = 12;

constexpr std::uint16_t version_20_to_20 = 0x2020;
constexpr std::uint16_t f_port_feature = 0x1000, multiple_n_port_ids = 0x2000;
constexpr std::uint16_t continuously_increasing_offset = 0x8000, f_port_alternate_credit = 0x0800;
constexpr std::uint16_t class_valid = 0x8000, sequential_delivery = 0x0800;
// What a frame may hold, but for the name server's, whose answers are short.
constexpr std::uint16_t frame_size = 2112, server_frame_size = 2048;
constexpr std::uint32_t ten_seconds = 10000, two_seconds = 2000;

Bytes accepted(Wwn port) {
    auto bytes = payload(Els::ls_acc, login_size);
    store_be16(bytes, version, version_20_to_20);
    store_be16(bytes, credit, 10);
    store_be32(bytes, e_d_tov, two_seconds);
    store_be64(bytes, port_name, port.value());
    store_be64(bytes, node_name, fabric_name.value());
    store_be16(bytes, class_3, class_valid | sequential_delivery);
    return bytes;
}

} // namespace

std::optional<Els> els_of(View payload) {
    return payload.size() < 4 ? std::nullopt : std::optional(static_cast<Els>(payload[0]));
}

std::optional<Login> login_of(View payload) {
    if (payload.size() < login_size)
        return {};
    return Login{static_cast<Els>(payload[0]), Wwn{load_be64(payload, port_name)},
                 Wwn{load_be64(payload, node_name)}};
}

Bytes fabric_login_accepted(Wwn port, bool npiv) {
    auto bytes = accepted(port);
    store_be16(bytes, features, f_port_feature | (npiv ? multiple_n_port_ids : 0));
    store_be16(bytes, receive_size, frame_size);
    store_be32(bytes, r_a_tov, ten_seconds);
    return bytes;
}

Bytes port_login_accepted(Wwn port) {
    auto bytes = accepted(port);
    store_be16(bytes, features, continuously_increasing_offset | f_port_alternate_credit);
    store_be16(bytes, receive_size, server_frame_size);
    store_be16(bytes, sequences, 255);
    store_be16(bytes, offset_by_type, 0x1f);
    store_be16(bytes, class_3 + class_receive_size, server_frame_size);
    store_be16(bytes, class_3 + class_sequences, 255);
    store_be16(bytes, class_3 + class_open_sequences, 1);
    return bytes;
}

Bytes ls_acc() {
    return payload(Els::ls_acc, 4);
}

Bytes ls_rjt(Refusal refusal) {
    auto bytes = payload(Els::ls_rjt, 8);
    bytes[5] = refusal.reason;
    bytes[6] = refusal.explanation;
    return bytes;
}

Bytes logo(PortId id, Wwn port) {
    auto bytes = payload(Els::logo, 16);
    store_be32(bytes, 4, id.value());
    store_be64(bytes, 8, port.value());
    return bytes;
}

Bytes rscn(RscnFormat format, PortId id) {
    constexpr std::uint8_t page = 4;
    auto bytes = payload(Els::rscn, 8);
    bytes[1] = page;
    store_be16(bytes, 2, bytes.size());
    store_be32(bytes, 4, id.value());
    bytes[4] = static_cast<std::uint8_t>(format);
    return bytes;
}

Bytes ba_acc(std::uint16_t ox_id, std::uint16_t rx_id) {
    Bytes bytes(12); // no SEQ_ID; from count 0 on to the highest
    store_be16(bytes, 4, ox_id);
    store_be16(bytes, 6, rx_id);
    store_be16(bytes, 10, 0xffff);
    return bytes;
}

} // namespace pvscsi::fabric
