#include "common/scsi/sense.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <limits>

namespace pvscsi::scsi {

namespace {
constexpr std::uint8_t current_fixed = 0x70;
constexpr std::uint8_t current_descriptor = 0x72;
constexpr std::uint8_t valid = 0x80;
constexpr std::size_t fixed_size = 18;

bool is_descriptor(std::uint8_t response_code) {
    return (response_code & 0x7e) == 0x72;
}
} // namespace

Sense Sense::from_bytes(std::span<const std::uint8_t> bytes) noexcept {
    Sense sense;
    sense.size_ = static_cast<std::uint8_t>(std::min(bytes.size(), max_size));
    std::copy_n(bytes.begin(), sense.size_, sense.bytes_.begin());
    return sense;
}

Sense Sense::fixed(SenseKey key, std::uint8_t asc, std::uint8_t ascq) noexcept {
    Sense sense;
    sense.size_ = fixed_size;
    sense.bytes_[0] = current_fixed;
    sense.bytes_[2] = static_cast<std::uint8_t>(key);
    sense.bytes_[7] = fixed_size - 8;
    sense.bytes_[12] = asc;
    sense.bytes_[13] = ascq;
    return sense;
}

Sense Sense::descriptor(SenseKey key, std::uint8_t asc, std::uint8_t ascq) noexcept {
    Sense sense;
    sense.size_ = 8;
    sense.bytes_[0] = current_descriptor;
    sense.bytes_[1] = static_cast<std::uint8_t>(key);
    sense.bytes_[2] = asc;
    sense.bytes_[3] = ascq;
    return sense;
}

Sense Sense::with_information(SenseKey key, std::uint8_t asc, std::uint8_t ascq,
                              std::uint64_t information) noexcept {
    if (information <= std::numeric_limits<std::uint32_t>::max()) {
        Sense sense = fixed(key, asc, ascq);
        sense.bytes_[0] |= valid;
        store_be32(sense.bytes_, 3, information);
        return sense;
    }
    Sense sense = descriptor(key, asc, ascq);
    sense.bytes_[7] = 12;
    sense.bytes_[8] = 0x00; // information descriptor, SPC-5 4.4.2.2
    sense.bytes_[9] = 0x0a;
    sense.bytes_[10] = valid;
    store_be64(sense.bytes_, 12, information);
    sense.size_ = 20;
    return sense;
}

Sense Sense::illegal_field(std::uint8_t asc, std::uint8_t ascq, bool in_cdb, std::uint16_t byte,
                           std::optional<std::uint8_t> bit) noexcept {
    Sense sense = fixed(SenseKey::illegal_request, asc, ascq);
    sense.bytes_[15] =
        static_cast<std::uint8_t>(0x80 | (in_cdb ? 0x40 : 0) | (bit ? 0x08 | (*bit & 7) : 0));
    store_be16(sense.bytes_, 16, byte);
    return sense;
}

SenseKey Sense::key() const noexcept {
    if (empty())
        return SenseKey::no_sense;
    return static_cast<SenseKey>((is_descriptor(bytes_[0]) ? bytes_[1] : bytes_[2]) & 0x0f);
}
std::uint8_t Sense::asc() const noexcept {
    if (empty())
        return 0;
    return is_descriptor(bytes_[0]) ? bytes_[2] : bytes_[12];
}
std::uint8_t Sense::ascq() const noexcept {
    if (empty())
        return 0;
    return is_descriptor(bytes_[0]) ? bytes_[3] : bytes_[13];
}

} // namespace pvscsi::scsi
