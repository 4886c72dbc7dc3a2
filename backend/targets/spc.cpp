// Commands that every device type has (SPC-5), the short ones.
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;
using Unit = EmulatedUnit;

std::span<const CommandRow> EmulatedUnit::common_commands() noexcept {
    static constexpr CommandRow rows[] = {
        row({op::test_unit_ready, 0, 0, 0, 0, 0}, needs_medium, handler<&Unit::test_unit_ready>),
        row({op::request_sense, 0x01, 0, 0, 0xff, 0}, ignores_attention,
            handler<&Unit::request_sense>),
        // The LUN of SCSI-2 in the top bits of byte 1 means nothing. Linux writes it there until it
        // has read the version of a target's first unit, and takes a refusal for an empty target.
        row({op::inquiry, 0xe1, 0xff, 0xff, 0xff, 0}, ignores_attention, handler<&Unit::inquiry>),
        row({op::mode_select_6, 0x11, 0, 0, 0xff, 0}, plain, handler<&Unit::mode_select>),
        row({op::mode_select_10, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0}, plain,
            handler<&Unit::mode_select>),
        row({op::mode_sense_6, 0x08, 0xff, 0xff, 0xff, 0}, plain, handler<&Unit::mode_sense>),
        row({op::mode_sense_10, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0}, plain,
            handler<&Unit::mode_sense>),
        // The guest is the only initiator there is: a reservation that nobody can meet.
        row({op::reserve_6, 0, 0, 0, 0, 0}, needs_it_alone, handler<&Unit::reserve_release>),
        row({op::release_6, 0, 0, 0, 0, 0}, needs_it_alone, handler<&Unit::reserve_release>),
        row({op::reserve_10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, needs_it_alone,
            handler<&Unit::reserve_release>),
        row({op::release_10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, needs_it_alone,
            handler<&Unit::reserve_release>),
        row({op::send_diagnostic, 0x04, 0, 0, 0, 0}, plain, handler<&Unit::send_diagnostic>),
        row({op::log_sense, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0}, plain,
            handler<&Unit::log_sense>),
        // The queue answers it from the guest's own table; here for a unit that stands alone.
        row({op::report_luns, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}, ignores_attention,
            handler<&Unit::report_luns>),
        service_row(
            {op::maintenance_in, 0x0c, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}, plain,
            handler<&Unit::report_supported_opcodes>),
    };
    return rows;
}

Step EmulatedUnit::test_unit_ready(Request& request) noexcept {
    if (const scsi::Condition news = look_at_medium(); news != condition::none)
        return fail(request, news);
    return Step::done;
}

/// Sense data comes with the status of the command it is about, so there is none to fetch but of
/// what goes on now.
Step EmulatedUnit::request_sense(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const auto data = parameter_data(request, scsi::Sense::max_size);
    if (data.empty())
        return fail(request, condition::internal_failure);
    scsi::Condition now = readiness_;
    if (attention_count_ > 0) {
        now = attentions_[0];
        std::shift_left(attentions_.begin(), attentions_.end(), 1);
        --attention_count_;
        remember();
    }
    const scsi::Sense sense = (cdb[1] & 0x01) != 0
                                  ? scsi::Sense::descriptor(now.key, now.asc, now.ascq)
                                  : scsi::sense_of(now);
    std::ranges::copy(sense.bytes(), data.begin());
    return answer(request, data.first(sense.bytes().size()), cdb[4]);
}

Step EmulatedUnit::reserve_release(Request&) noexcept {
    return Step::done;
}

/// SELFTEST or nothing: the unit is well, else it would not answer.
Step EmulatedUnit::send_diagnostic(Request&) noexcept {
    return Step::done;
}

/// Only the list of pages, which names itself: nothing is counted that would be worth a page.
Step EmulatedUnit::log_sense(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    if ((cdb[2] & 0x3f) != 0)
        return fail_field(request, 2, 5);
    if (cdb[3] != 0)
        return fail_field(request, 3, 7);
    const auto data = parameter_data(request, 5);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be16(data, 2, 1);
    return answer(request, data, load_be16(cdb, 7));
}

Step EmulatedUnit::report_luns(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    if (cdb[2] > 2)
        return fail_field(request, 2, 7);
    const auto data = parameter_data(request, 16);
    if (data.empty())
        return fail(request, condition::internal_failure);
    const bool well_known_only = cdb[2] == 1;
    store_be32(data, 0, well_known_only ? 0 : 8);
    return answer(request, data.first(well_known_only ? 8 : 16), load_be32(cdb, 6));
}

} // namespace pvscsi::backend
