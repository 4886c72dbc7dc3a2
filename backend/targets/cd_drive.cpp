// What the drive can do and does: GET CONFIGURATION, GET EVENT STATUS NOTIFICATION, MECHANISM
// STATUS (MMC-6 6.5, 6.6, 6.10).
#include "backend/targets/cd.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;

namespace {

constexpr std::uint16_t profile_cd_rom = 0x0008;
constexpr std::uint16_t profile_dvd_rom = 0x0010;

/// A feature descriptor of `length` bytes after its header (MMC-6 5.2.2).
struct Feature {
    std::uint16_t code;
    std::uint8_t version;
    bool persistent;
    std::uint8_t length;
    std::uint8_t data[8];
};

constexpr Feature features[] = {
    {0x0000, 0, true, 8, {}},                              // profile list, filled in below
    {0x0001, 2, true, 8, {0, 0, 0, 0x01, 0x01, 0, 0, 0}},  // core: SCSI family, DBE
    {0x0003, 1, true, 4, {0x29, 0, 0, 0}},                 // removable medium: tray, eject, lock
    {0x0010, 0, false, 8, {0, 0, 0x08, 0, 0, 0x01, 0, 0}}, // random readable, 2048 bytes, 1 block
    {0x001e, 2, false, 4, {}},                             // CD read
    {0x001f, 1, false, 4, {}},                             // DVD read
    {0x0105, 0, true, 4, {}},                              // timeout
};

constexpr std::uint16_t profile_list = 0x0000;
constexpr std::uint16_t cd_read = 0x001e;
constexpr std::uint16_t dvd_read = 0x001f;

std::size_t put_feature(const Feature& feature, bool current, std::span<std::uint8_t> to) {
    store_be16(to, 0, feature.code);
    to[2] = static_cast<std::uint8_t>(feature.version << 2 | (feature.persistent ? 2 : 0) |
                                      (current ? 1 : 0));
    to[3] = feature.length;
    std::copy_n(feature.data, feature.length, to.begin() + 4);
    return 4u + feature.length;
}

void put_profile(std::span<std::uint8_t> to, std::uint16_t profile, bool current) {
    store_be16(to, 0, profile);
    to[2] = current ? 1 : 0;
}

} // namespace

Step Cd::get_configuration(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    enum { all_features = 0, current_only = 1, one = 2, reserved = 3 };
    const unsigned wanted = cdb[1] & 0x03;
    const std::uint16_t from = load_be16(cdb, 2);
    if (wanted == reserved)
        return fail_field(request, 1, 1);
    const auto data = parameter_data(request, 256);
    if (data.empty())
        return fail(request, condition::internal_failure);

    const bool loaded = !tray_open_;
    std::size_t size = 8;
    for (const Feature& feature : features) {
        const bool current =
            feature.persistent || (loaded && feature.code != (dvd() ? cd_read : dvd_read));
        if (wanted == one ? feature.code != from
                          : feature.code < from || (wanted == current_only && !current))
            continue;
        const auto at = data.subspan(size);
        size += put_feature(feature, current, at);
        if (feature.code == profile_list) { // the current one first would do; in falling order
            put_profile(at.subspan(4), profile_dvd_rom, loaded && dvd());
            put_profile(at.subspan(8), profile_cd_rom, loaded && !dvd());
        }
    }
    store_be32(data, 0, size - 4);
    if (loaded)
        store_be16(data, 6, dvd() ? profile_dvd_rom : profile_cd_rom);
    return answer(request, data.first(size), load_be16(cdb, 7));
}

/// Polled only, of the media class only. An event is told once.
Step Cd::get_event_status(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    constexpr std::uint8_t polled = 0x01;
    constexpr std::uint8_t media_class = 4;
    constexpr std::uint8_t supported = 1u << media_class;
    constexpr std::uint8_t no_event_available = 0x80;
    if ((cdb[1] & polled) == 0)
        return fail_field(request, 1, 0);
    const auto data = parameter_data(request, 8);
    if (data.empty())
        return fail(request, condition::internal_failure);
    const bool asked = (cdb[4] & supported) != 0;
    data[3] = supported;
    if (asked) {
        store_be16(data, 0, 6);
        data[2] = media_class;
        data[4] = static_cast<std::uint8_t>(std::exchange(event_, MediaEvent::none));
        remember();
        data[5] = tray_open_ ? 0x01 : 0x02; // the tray is open; a medium is present
    } else {
        store_be16(data, 0, 2);
        data[2] = no_event_available;
    }
    return answer(request, data.first(asked ? 8 : 4), load_be16(cdb, 7));
}

Step Cd::mechanism_status(Request& request) noexcept {
    const auto data = parameter_data(request, 8);
    if (data.empty())
        return fail(request, condition::internal_failure);
    data[1] = tray_open_ ? 0x10 : 0; // door open
    return answer(request, data, load_be16(request.cdb().padded(), 8));
}

} // namespace pvscsi::backend
