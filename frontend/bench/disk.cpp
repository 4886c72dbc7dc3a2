#include "frontend/bench/disk.hpp"

#include "common/base/bytes.hpp"
#include "common/scsi/sense.hpp"
#include "common/scsi/status.hpp"

#include <fmt/format.h>
#include <limits>
#include <scsi/sg_lib.h>
#include <stdexcept>

namespace pvscsi::bench {

namespace {

struct Answer {
    Host host = Host::ok;
    std::uint8_t status = 0;
    std::string text; ///< empty: all is well
    std::array<std::byte, 32> data{};
};

Answer run(Session& session, const Hctl& lun, std::span<const std::uint8_t> cdb, bool data_in) {
    Answer answer;
    bool ended = false;
    ScsiCommand command;
    command.address = lun;
    command.cdb = cdb;
    command.timeout = std::chrono::seconds(30);
    if (data_in) {
        command.direction = DataDirection::from_device;
        command.data = answer.data;
    }
    const auto result = session.submit(command, [&](const Completion& completion) {
        answer.host = completion.host;
        answer.status = completion.status;
        if (completion.host != Host::ok || completion.status != 0)
            answer.text = describe(completion);
        ended = true;
    });
    if (!result)
        throw std::runtime_error("the session does not take commands");
    while (!ended)
        session.wait(std::chrono::milliseconds(100));
    return answer;
}

/// "MEDIUM ERROR, 11h/00h: Unrecovered read error"
std::string describe(const scsi::Sense& sense) {
    std::array<char, 64> key{};
    std::array<char, 128> text{};
    ::sg_get_sense_key_str(static_cast<int>(sense.key()), static_cast<int>(key.size()), key.data());
    ::sg_get_asc_ascq_str(sense.asc(), sense.ascq(), static_cast<int>(text.size()), text.data());
    std::string_view what(text.data());
    if (constexpr std::string_view label = "Additional sense: "; what.starts_with(label))
        what.remove_prefix(label.size());
    return fmt::format("{}, {:02x}h/{:02x}h: {}", key.data(), sense.asc(), sense.ascq(), what);
}

/// CD/DVD drives and old disks do not know the 16-byte command.
Capacity capacity_16_or_10(Session& session, const Hctl& lun) {
    std::array<std::uint8_t, 16> read_capacity_16{0x9e, 0x10};
    read_capacity_16[13] = 32;
    if (const Answer answer = run(session, lun, read_capacity_16, true); answer.text.empty()) {
        const auto bytes = as_u8(answer.data);
        return {load_be64(bytes, 0) + 1, load_be32(bytes, 8)};
    }
    const std::array<std::uint8_t, 10> read_capacity_10{0x25};
    const Answer answer = run(session, lun, read_capacity_10, true);
    if (!answer.text.empty())
        throw std::runtime_error(to_string(lun) + " does not tell its capacity: " + answer.text);
    const auto bytes = as_u8(answer.data);
    return {std::uint64_t{load_be32(bytes, 0)} + 1, load_be32(bytes, 4)};
}

} // namespace

Capacity read_capacity(Session& session, const Hctl& lun) {
    const std::array<std::uint8_t, 6> test_unit_ready{};
    Answer ready;
    // Unit attentions are told once each; there are never many of them.
    for (int attempt = 0; attempt < 8; ++attempt) {
        ready = run(session, lun, test_unit_ready, false);
        if (ready.text.empty())
            break;
    }
    if (!ready.text.empty())
        throw std::runtime_error(to_string(lun) + " is not ready: " + ready.text);
    const Capacity capacity = capacity_16_or_10(session, lun);
    if (capacity.block_size == 0 || capacity.blocks == 0)
        throw std::runtime_error(to_string(lun) + " tells a capacity of nothing");
    return capacity;
}

void TransferCdb::set(bool write, std::uint64_t lba, std::uint32_t blocks) noexcept {
    const bool small = lba <= std::numeric_limits<std::uint32_t>::max() && blocks <= 0xffff;
    bytes_ = {};
    size_ = small ? 10 : 16;
    bytes_[0] = static_cast<std::uint8_t>((small ? 0x28 : 0x88) + (write ? 2 : 0));
    if (small) {
        store_be32(bytes_, 2, lba);
        store_be16(bytes_, 7, blocks);
    } else {
        store_be64(bytes_, 2, lba);
        store_be32(bytes_, 10, blocks);
    }
}

std::string describe(const Completion& completion) {
    if (completion.host == Host::no_connect)
        return "there is no such LUN (NO CONNECT)";
    if (completion.host != Host::ok)
        return fmt::format("the command did not get through ({})",
                           scsi::to_string(static_cast<scsi::HostCode>(completion.host)));
    if (!completion.sense.empty())
        return describe(scsi::Sense::from_bytes(completion.sense));
    if (completion.status != 0)
        return fmt::format("status {:02x}h ({})", completion.status,
                           scsi::to_string(static_cast<scsi::Status>(completion.status)));
    return fmt::format("{} bytes were not transferred", completion.residual);
}

} // namespace pvscsi::bench
