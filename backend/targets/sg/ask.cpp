#include "backend/targets/sg/ask.hpp"

#include "backend/targets/sg/family.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/log.hpp"
#include "common/base/sysfs.hpp"
#include "common/scsi/vpd.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace pvscsi::backend {

namespace {

/// Enough for 800 commands with their timeouts.
constexpr std::size_t allocation = 16'384;
constexpr std::chrono::seconds patience{5};
constexpr unsigned most_attentions = 4;

bool is_usb(const std::string& node, const std::filesystem::path& sysfs) {
    std::error_code error;
    const auto name = node.substr(node.rfind('/') + 1);
    const auto place = std::filesystem::canonical(sysfs / "class/scsi_generic" / name, error);
    return !error && place.string().find("/usb") != std::string::npos;
}

/// What it is asked while its target port is away the kernel keeps, past any time that is set.
bool is_running(const std::string& node, const std::filesystem::path& sysfs) {
    const auto name = node.substr(node.rfind('/') + 1);
    const auto state = sysfs::first_line(sysfs / "class/scsi_generic" / name / "device/state");
    return state.empty() || state == "running";
}

/// What it says but unit attentions, which are kept. Nothing: no answer.
std::optional<scsi::Sense> ask(SgDevice& device, std::span<const std::uint8_t> cdb,
                               std::span<std::uint8_t> data, SgAnswers& answers) {
    while (answers.attentions.size() < most_attentions) {
        auto reply = device.ask(cdb, data, patience);
        if (!reply || reply->key() != scsi::SenseKey::unit_attention)
            return reply;
        answers.attentions.push_back(*reply);
    }
    return {};
}

std::optional<std::vector<std::byte>> ask_for_name(SgDevice& device, SgAnswers& answers) {
    constexpr std::uint8_t not_supported = 0x25; // logical unit
    std::vector<std::uint8_t> data(scsi::identification_room);
    const auto reply = ask(device, scsi::inquiry_identification, data, answers);
    if (!reply)
        return {};
    if (reply->key() == scsi::SenseKey::illegal_request && reply->asc() != not_supported)
        return std::vector<std::byte>();
    if (!reply->empty() || data[0] >> 5 != 0)
        return {};
    const auto bytes = std::as_bytes(std::span(data));
    return std::vector(bytes.begin(), bytes.end());
}

} // namespace

SgAnswers ask_device(SgDevice& device, const std::filesystem::path& sysfs) {
    SgAnswers answers;
    if (family_of(device.type()) != SgFamily::disk || device.busy() ||
        !is_running(device.node(), sysfs) || is_usb(device.node(), sysfs))
        return answers;
    const auto cdb = ask_for_timeouts(allocation);
    std::vector<std::uint8_t> data(allocation);
    const auto reply = ask(device, cdb, data, answers);
    if (reply && reply->empty())
        answers.timeouts = DeviceTimeouts::parse(data);
    if (reply && scsi::names_unit(identification_of(device.node(), sysfs)))
        answers.identification = ask_for_name(device, answers);
    log::debug("sg node={} recommends timeouts for {} commands", device.node(),
               answers.timeouts.size());
    return answers;
}

void require_known(const SgAnswers& answers, const std::string& node,
                   const std::filesystem::path& sysfs) {
    const auto known = identification_of(node, sysfs);
    if (answers.identification && !scsi::same_unit(known, *answers.identification))
        throw std::runtime_error(
            fmt::format("{}: another unit is there now, {}; the kernel knows it as {}: {}", node,
                        scsi::unit_label(*answers.identification), scsi::unit_label(known),
                        have_kernel_look_again(node)));
}

} // namespace pvscsi::backend
