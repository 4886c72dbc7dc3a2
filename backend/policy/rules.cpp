#include "backend/policy/rules.hpp"

#include <algorithm>

namespace pvscsi::backend::policy {

namespace {

using scsi::Sense;

/// "naa.5000c500a1b2c3d4" to its bytes and designator type (SPC-5 7.7.6.1); of other names, which
/// the kernel does not write byte for byte, nothing.
std::vector<std::uint8_t> designator(const std::string& name, std::uint8_t& type) {
    const auto point = name.find('.');
    const std::string kind = name.substr(0, point);
    if (point == std::string::npos || (kind != "naa" && kind != "eui"))
        return {};
    type = kind == "naa" ? 3 : 2;
    std::vector<std::uint8_t> bytes;
    for (std::size_t at = point + 1; at + 1 < name.size(); at += 2) {
        const auto byte = config::parse_policy_item(name.substr(at, 2)); // two hexadecimal digits
        const auto* const code = byte ? std::get_if<config::CommandName>(&*byte) : nullptr;
        if (code == nullptr)
            return {};
        bytes.push_back(code->opcode);
    }
    return bytes;
}

bool names(const std::vector<config::CommandName>& list, std::uint8_t opcode,
           std::uint16_t action) noexcept {
    return std::any_of(list.begin(), list.end(), [&](const config::CommandName& name) {
        return name.opcode == opcode && (!name.action || *name.action == action);
    });
}

class FirstForbidden final : public Findings {
  public:
    explicit FirstForbidden(const config::CommandClasses& allowed) : allowed_(allowed) {}
    bool take(const Finding& finding) noexcept override {
        if (!allowed_.has(finding.value))
            found_ = finding;
        return !found_;
    }
    [[nodiscard]] const std::optional<Finding>& found() const noexcept { return found_; }

  private:
    const config::CommandClasses& allowed_;
    std::optional<Finding> found_;
};

} // namespace

Rules::Rules(config::Policy policy, Unit unit)
    : policy_(std::move(policy)), unit_(std::move(unit)),
      own_name_(designator(unit_.name, own_name_type_)) {
    if (unit_.shared_nexus && !policy_.classes.has(CommandClass::reserve_others))
        policy_.classes.remove(CommandClass::reserve);
    const Kind kind = kind_of(unit_.device_type);
    for (const auto& table : all_rows())
        std::copy_if(table.begin(), table.end(), std::back_inserter(rows_),
                     [&](const Row& row) { return (row.kinds & kind) != 0; });
    std::stable_sort(rows_.begin(), rows_.end(),
                     [](const Row& a, const Row& b) { return a.opcode < b.opcode; });
    for (const Row& row : rows_)
        ++first_[row.opcode + 1u];
    for (std::size_t i = 1; i < first_.size(); ++i)
        first_[i] = static_cast<std::uint16_t>(first_[i] + first_[i - 1]);
}

std::span<const Row> Rules::rows_of(std::uint8_t opcode) const noexcept {
    return std::span(rows_).subspan(first_[opcode],
                                    std::size_t{first_[opcode + 1u]} - first_[opcode]);
}

const Row* Rules::find(const CdbBytes& cdb) const noexcept {
    for (const Row& row : rows_of(cdb[0]))
        if ((row.action == any_action || row.action == action_of(cdb)) &&
            (row.when == nullptr || row.when(cdb)))
            return &row;
    return nullptr;
}

bool Rules::has_actions(std::uint8_t opcode) const noexcept {
    const auto rows = rows_of(opcode);
    return std::any_of(rows.begin(), rows.end(),
                       [](const Row& row) { return row.action != any_action; });
}

bool Rules::allows(const Row* row, const CdbBytes& cdb) const noexcept {
    const std::uint16_t action = action_of(cdb);
    if (names(policy_.refuse, cdb[0], action))
        return false;
    return names(policy_.allow, cdb[0], action) ||
           policy_.classes.has(row == nullptr ? CommandClass::vendor : row->value);
}

/// An opcode that is refused whatever else it says is as if the unit did not have it.
Objection Rules::not_allowed(const Row* row, const CdbBytes& cdb) const noexcept {
    Objection objection;
    objection.value = row == nullptr ? CommandClass::vendor : row->value;
    const bool for_action =
        has_actions(cdb[0]) || std::any_of(policy_.refuse.begin(), policy_.refuse.end(),
                                           [&](const config::CommandName& name) {
                                               return name.opcode == cdb[0] && name.action;
                                           });
    if (row != nullptr && row->when != nullptr)
        objection.sense = Sense::illegal_field(0x24, 0x00, true, row->field.byte, row->field.bit);
    else if (for_action)
        objection.sense = cdb[0] == 0x7f ? Sense::illegal_field(0x24, 0x00, true, 8, 7)
                                         : Sense::illegal_field(0x24, 0x00, true, 1, 4);
    else
        objection.sense = Sense::fixed(scsi::SenseKey::illegal_request, 0x20, 0x00);
    return objection;
}

std::optional<Objection> Rules::judge(const ring::Cdb& cdb, ring::Direction direction,
                                      std::uint32_t length) const noexcept {
    const CdbBytes& bytes = cdb.padded();
    const Row* const row = find(bytes);
    if (!allows(row, bytes))
        return not_allowed(row, bytes);
    if (policy_.checks_form)
        if (const auto sense = malformation(row, cdb, direction, length))
            return Objection{Objection::Reason::malformed, CommandClass::vendor, *sense};
    return {};
}

std::optional<Objection> Rules::judge_data(const ring::Cdb& cdb,
                                           std::span<const std::uint8_t> data) const noexcept {
    const CdbBytes& bytes = cdb.padded();
    const Row* const row = find(bytes);
    if (row == nullptr || row->inspect == Inspect::nothing ||
        names(policy_.allow, bytes[0], action_of(bytes)))
        return {};
    FirstForbidden first(policy_.classes);
    look_at_parameters(row->inspect, bytes, data, {own_name_, own_name_type_}, first);
    if (!first.found())
        return {};
    return Objection{Objection::Reason::not_allowed, first.found()->value,
                     Sense::illegal_field(0x26, 0x00, false, first.found()->byte)};
}

} // namespace pvscsi::backend::policy
