#include "backend/devices/unit_look.hpp"

#include "common/base/bytes.hpp"
#include "common/base/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <scsi/sg_lib.h>
#include <scsi/sg_pt.h>
#include <span>
#include <system_error>

namespace pvscsi::devices {

namespace {

constexpr int seconds = 10;

/// What became of one command.
struct Answer {
    int error = 0; ///< errno, if the device was not reached
    int status = 0;
    std::string sense; ///< of CHECK CONDITION, as words
    int key = 0;
    std::size_t length = 0; ///< of the data-in

    [[nodiscard]] bool good() const { return error == 0 && status == SAM_STAT_GOOD; }
};

std::string words_of(const sg_scsi_sense_hdr& sense) {
    std::array<char, 128> key{};
    std::array<char, 128> code{};
    sg_get_sense_key_str(sense.sense_key, static_cast<int>(key.size()), key.data());
    sg_get_asc_ascq_str(sense.asc, sense.ascq, static_cast<int>(code.size()), code.data());
    constexpr std::string_view prefix = "Additional sense: ";
    std::string_view text = code.data();
    if (text.substr(0, prefix.size()) == prefix)
        text.remove_prefix(prefix.size());
    return fmt::format("{}: {}", key.data(), text);
}

Answer ask(int fd, std::span<const std::uint8_t> cdb, std::span<std::uint8_t> in = {}) {
    const std::unique_ptr<sg_pt_base, decltype(&destruct_scsi_pt_obj)> command(
        construct_scsi_pt_obj_with_fd(fd, 0), &destruct_scsi_pt_obj);
    Answer answer;
    answer.error = ENOMEM;
    if (!command)
        return answer;
    std::array<std::uint8_t, 64> sense{};
    set_scsi_pt_cdb(command.get(), cdb.data(), static_cast<int>(cdb.size()));
    set_scsi_pt_sense(command.get(), sense.data(), static_cast<int>(sense.size()));
    if (!in.empty())
        set_scsi_pt_data_in(command.get(), in.data(), static_cast<int>(in.size()));
    const int refused = do_scsi_pt(command.get(), -1, seconds, 0);
    answer.error = refused < 0 ? -refused : refused == 0 ? 0 : EIO;
    if (refused != 0)
        return answer;
    if (get_scsi_pt_result_category(command.get()) == SCSI_PT_RESULT_TRANSPORT_ERR ||
        get_scsi_pt_result_category(command.get()) == SCSI_PT_RESULT_OS_ERR)
        answer.error = EIO;
    answer.status = get_scsi_pt_status_response(command.get());
    const int left = get_scsi_pt_resid(command.get());
    answer.length = in.size() - std::min(in.size(), static_cast<std::size_t>(std::max(left, 0)));
    sg_scsi_sense_hdr header{};
    if (sg_scsi_normalize_sense(sense.data(), get_scsi_pt_sense_len(command.get()), &header)) {
        answer.key = header.sense_key;
        answer.sense = words_of(header);
    }
    return answer;
}

/// SPC-4 6.35: after a reset or a change of medium the first command says so, the second is done.
Answer test_ready(int fd) {
    constexpr std::array<std::uint8_t, 6> cdb{0x00};
    Answer answer;
    for (int attempt = 0; attempt < 3; ++attempt)
        if (answer = ask(fd, cdb); answer.key != SPC_SK_UNIT_ATTENTION)
            break;
    return answer;
}

/// SBC-3 5.15, 5.16: READ CAPACITY(10), and (16) of what that can't tell.
void read_capacity(int fd, UnitLook& look) {
    constexpr std::array<std::uint8_t, 10> cdb10{0x25};
    std::array<std::uint8_t, 8> in10{};
    const Answer small = ask(fd, cdb10, in10);
    if (!small.good() || small.length < in10.size())
        return;
    look.blocks = std::uint64_t{load_be32(in10, 0)} + 1;
    look.block_size = load_be32(in10, 4);
    if (look.blocks <= UINT32_MAX)
        return;
    constexpr std::array<std::uint8_t, 16> cdb16{0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32};
    std::array<std::uint8_t, 32> in16{};
    const Answer large = ask(fd, cdb16, in16);
    if (large.good() && large.length >= 12)
        look.blocks = load_be64(in16, 0) + 1;
}

/// SPC-4 table 174.
std::string type_of(unsigned type) {
    switch (type) {
    case 1:
        return "write exclusive";
    case 3:
        return "exclusive access";
    case 5:
        return "write exclusive, registrants only";
    case 6:
        return "exclusive access, registrants only";
    case 7:
        return "write exclusive, all registrants";
    case 8:
        return "exclusive access, all registrants";
    default:
        return fmt::format("type {}", type);
    }
}

/// SPC-4 6.15.3.
std::string read_reservation(int fd) {
    constexpr std::array<std::uint8_t, 10> cdb{0x5e, 0x01, 0, 0, 0, 0, 0, 0, 24};
    std::array<std::uint8_t, 24> in{};
    const Answer answer = ask(fd, cdb, in);
    if (!answer.good() || answer.length < in.size() || load_be32(in, 4) < 16)
        return {};
    return fmt::format("{}, by key {:#x}", type_of(in[21] & 0x0f), load_be64(in, 8));
}

} // namespace

UnitLook look_at_unit(const std::string& node, bool has_blocks) {
    UnitLook look;
    const UniqueFd fd(adopt_fd, ::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) {
        look.trouble = "it cannot be opened (" + std::generic_category().message(errno) + ")";
        return look;
    }
    const Answer ready = test_ready(fd.get());
    look.answers = ready.error == 0;
    if (!look.answers)
        look.trouble = "it does not answer (" + std::generic_category().message(ready.error) + ")";
    else if (ready.status == SAM_STAT_RESERVATION_CONFLICT)
        look.reservation = "another host's (RESERVE)";
    else if (!ready.good())
        look.trouble =
            ready.sense.empty() ? fmt::format("status {:#04x}", ready.status) : ready.sense;
    if (!look.answers || !look.reservation.empty())
        return look;
    if (has_blocks)
        read_capacity(fd.get(), look);
    look.reservation = read_reservation(fd.get());
    return look;
}

} // namespace pvscsi::devices
