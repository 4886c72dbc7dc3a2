// The end of a login: what the logical unit says it is, and whether it is the one expected.
#include "backend/targets/iscsi/session.hpp"

#include "common/scsi/vpd.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pvscsi::backend {

using scsi::page_identification;
using scsi::page_serial_number;
using scsi::page_standard;

void IscsiSession::ask(std::uint8_t page) noexcept {
    page_ = page;
    state_ = page == page_standard ? State::inquiring : State::identifying;
    answer_.fill({});
    const std::uint8_t evpd = page == page_standard ? 0 : 1;
    const auto size = static_cast<std::uint8_t>(page == page_standard ? 36 : answer_.size());
    const std::array<std::uint8_t, 6> bytes{0x12, evpd, page, 0, size, 0};
    const auto cdb = ring::Cdb::make(bytes);
    if (!context_->command(inquiry_, lun_, *cdb, ring::Direction::from_device,
                           std::span(answer_).first(size)))
        failure_ = "there is no memory for a command";
}

std::size_t IscsiSession::received(const IscsiAnswer& answer) const noexcept {
    const std::size_t asked = page_ == page_standard ? 36 : answer_.size();
    return asked - std::min<std::size_t>(answer.residual, asked);
}

void IscsiSession::inquired(const IscsiAnswer& answer) noexcept {
    if (answer.kind != IscsiAnswer::Kind::status || answer.status != 0 || received(answer) < 5) {
        failure_ = fmt::format("LUN {} does not say what it is", lun_);
        return;
    }
    const auto first = std::to_integer<std::uint8_t>(answer_[0]);
    // SPC-5 6.7.2: 1: not there now, 3: this target has none there.
    if (first >> 5 != 0) {
        failure_ = fmt::format("{} has no LUN {}", login_.target, lun_);
        return;
    }
    found_ = {static_cast<std::uint8_t>(first & 0x1f), {}};
    ask(page_identification);
}

void IscsiSession::identified(const IscsiAnswer& answer) noexcept {
    if (answer.kind != IscsiAnswer::Kind::status) {
        failure_ = fmt::format("LUN {} does not say which one it is", lun_);
        return;
    }
    const auto bytes = std::span(answer_).first(received(answer));
    if (answer.status == 0)
        found_.identity = page_ == page_identification ? scsi::unit_designators(bytes)
                                                       : scsi::unit_serial_number(bytes);
    if (found_.identity.empty() && page_ == page_identification)
        return ask(page_serial_number);
    know(std::move(found_));
}

void IscsiSession::know(IscsiUnit unit) noexcept {
    if (expected_ && *expected_ != unit) {
        replaced_ = true;
        failure_ = fmt::format("LUN {} of {} is another unit than before", lun_, login_.target);
        return;
    }
    expected_ = std::move(unit);
    pause_ = std::chrono::milliseconds(0);
    stop_timer();
    state_ = State::ready;
    owner_.opened();
}

} // namespace pvscsi::backend
