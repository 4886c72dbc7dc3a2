#include "backend/policy/notes.hpp"

#include <fmt/format.h>

namespace pvscsi::backend::policy {

namespace {

const char* verb(const Rules& rules) {
    return rules.audits() ? "would refuse" : "refuses";
}

std::string why(Objection::Reason reason, CommandClass value) {
    if (reason == Objection::Reason::malformed)
        return "length or direction do not fit the command";
    return fmt::format("class={}", config::name_of(value));
}

} // namespace

void Notes::add(const CdbBytes& cdb, const Objection& objection, bool in_data) noexcept {
    for (unsigned i = 0; i < used_; ++i) {
        Note& note = list_[i];
        if (note.cdb[0] == cdb[0] && action_of(note.cdb) == action_of(cdb) &&
            note.reason == objection.reason && note.value == objection.value &&
            note.in_data == in_data) {
            ++note.times;
            return;
        }
    }
    if (used_ == list_.size()) {
        ++others_;
        return;
    }
    list_[used_++] = {cdb, objection.reason, objection.value, in_data, 1};
}

std::string Notes::text(const Rules& rules, const Note& note) {
    const Row* const row = rules.find(note.cdb);
    return fmt::format("policy={} {} {}opcode={:02x} action={:02x} ({}) {} times={}", rules.name(),
                       verb(rules), note.in_data ? "the parameter list of " : "", note.cdb[0],
                       action_of(note.cdb), row == nullptr ? "not known" : row->name,
                       why(note.reason, note.value), note.times);
}

std::string Notes::text_of_others(const Rules& rules) const {
    return fmt::format("policy={} {} other commands times={}", rules.name(), verb(rules), others_);
}

} // namespace pvscsi::backend::policy
