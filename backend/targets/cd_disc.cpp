// What is on the disc: one session with one data track, as an ISO image has it.
#include "backend/targets/cd.hpp"

#include "common/base/bytes.hpp"

namespace pvscsi::backend {

namespace condition = scsi::condition;

namespace {

constexpr std::uint8_t data_track = 0x14; // ADR 1, CONTROL 4: data, recorded uninterrupted
constexpr std::uint8_t lead_out = 0xaa;

/// Minutes, seconds and frames of 1/75 s, counted from 2 seconds before block 0 (MMC-6 4.2.5).
void put_address(std::span<std::uint8_t> to, std::size_t at, std::uint32_t lba, bool msf) {
    if (!msf)
        return store_be32(to, at, lba);
    const std::uint32_t frames = lba + 150;
    to[at + 1] = static_cast<std::uint8_t>(std::min(frames / 75 / 60, 255u));
    to[at + 2] = static_cast<std::uint8_t>(frames / 75 % 60);
    to[at + 3] = static_cast<std::uint8_t>(frames % 75);
}

std::size_t put_track(std::span<std::uint8_t> to, std::size_t at, std::uint8_t track,
                      std::uint32_t lba, bool msf) {
    to[at + 1] = data_track;
    to[at + 2] = track;
    put_address(to, at + 4, lba, msf);
    return at + 8;
}

} // namespace

/// More than 80 minutes do not fit a CD.
bool Cd::dvd() const noexcept {
    return blocks() > 80 * 60 * 75;
}

/// Format 0, the tracks, and 1, the sessions (MMC-6 6.25).
Step Cd::read_toc(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const bool msf = (cdb[1] & 0x02) != 0;
    const unsigned format = cdb[2] & 0x0f;
    const std::uint8_t from = cdb[6];
    if (format > 1)
        return fail_field(request, 2, 3);
    if (format == 0 && from > 1 && from != lead_out)
        return fail_field(request, 6);
    const auto data = parameter_data(request, 20);
    if (data.empty())
        return fail(request, condition::internal_failure);
    std::size_t size = 4;
    if (format == 1 || from <= 1)
        size = put_track(data, size, 1, 0, msf);
    if (format == 0)
        size = put_track(data, size, lead_out, blocks(), msf);
    store_be16(data, 0, size - 2);
    data[2] = 1; // the first track, or session, and the last
    data[3] = 1;
    return answer(request, data.first(size), load_be16(cdb, 7));
}

/// Standard disc information: complete, finalised (MMC-6 6.21).
Step Cd::read_disc_information(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    if ((cdb[1] & 0x07) != 0)
        return fail_field(request, 1, 2);
    const auto data = parameter_data(request, 34);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be16(data, 0, data.size() - 2);
    data[2] = 0x0e; // last session complete, disc complete
    data[3] = 1;    // first track
    data[4] = 1;    // sessions
    data[5] = 1;    // first and last track of the last session
    data[6] = 1;
    data[7] = 0x20;                   // unrestricted use
    store_be32(data, 16, 0xffffffff); // there is no next session's lead-in or lead-out
    store_be32(data, 20, 0xffffffff);
    return answer(request, data, load_be16(cdb, 7));
}

/// Of the one track, whether it is named by a block, by its number or by its session (MMC-6 6.26).
Step Cd::read_track_information(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const unsigned by = cdb[1] & 0x03;
    const std::uint32_t number = load_be32(cdb, 2);
    if (by == 0 && number >= blocks())
        return fail(request, condition::lba_out_of_range);
    if (by == 3 || (by != 0 && number != 1))
        return fail_field(request, by == 3 ? 1 : 2);
    const auto data = parameter_data(request, 36);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be16(data, 0, data.size() - 2);
    data[2] = 1; // track
    data[3] = 1; // session
    data[5] = 4; // track mode: data
    data[6] = 1; // data mode 1
    store_be32(data, 24, blocks());
    store_be32(data, 28, blocks() - 1);
    return answer(request, data, load_be16(cdb, 7));
}

/// Physical format and copyright of a DVD (MMC-6 6.22).
Step Cd::read_disc_structure(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    constexpr std::size_t header = 4;
    const std::uint8_t format = cdb[7];
    if (!dvd() || (cdb[1] & 0x0f) != 0)
        return fail_field(request, 1, 3);
    if (cdb[6] != 0)
        return fail_field(request, 6);
    if (format > 1)
        return fail_field(request, 7);
    const std::size_t size = header + (format == 0 ? 2048 : 4);
    const auto data = parameter_data(request, size);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be16(data, 0, size - 2);
    if (format == 0) { // DVD-ROM, 120 mm, one layer; data begins at 30000h
        constexpr std::uint32_t first = 0x30000;
        data[header] = 0x01;
        data[header + 1] = 0x0f; // maximum rate not specified
        data[header + 2] = 0x01; // one layer, embossed
        store_be24(data, header + 5, first);
        store_be24(data, header + 9, (first + blocks() - 1) & 0xffffff);
    }
    return answer(request, data, load_be16(cdb, 8));
}

} // namespace pvscsi::backend
