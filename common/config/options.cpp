#include "common/config/options.hpp"

#include "common/config/policies.hpp"
#include "common/config/text.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <array>

namespace pvscsi::config {

namespace {

constexpr std::size_t max_name = 64;

/// Never a VDEV, which has colons: where both may be given, they are told apart.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= max_name &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
           });
}

bool set_text(std::string& where, std::string_view value, bool good) {
    if (good)
        where = value;
    return good;
}

bool set_number(std::optional<unsigned>& where, std::string_view value, unsigned most) {
    const auto number = parse_decimal(value, most);
    if (number && *number != 0)
        where = static_cast<unsigned>(*number);
    return where.has_value();
}

bool set_exclusive(EntryOptions& options, std::string_view value) {
    if (value == "yes" || value == "no")
        options.exclusive = value == "yes";
    return options.exclusive.has_value();
}

bool set_vport(EntryOptions& options, std::string_view value) {
    const auto choice = parse_vport_choice(value);
    if (choice)
        options.vport = to_string(*choice);
    return choice.has_value();
}

bool never(const EntryOptions& /*options*/) {
    return false;
}

constexpr std::array forms{
    OptionForm{"ro", "", "the guest may only read", "", "the guest may write", "ro", "",
               [](EntryOptions& o, std::string_view) { return o.read_only = true; },
               [](const EntryOptions& o) { return o.read_only; }, never},
    OptionForm{"name", "NAME", "what the unit is called in lists",
               "1 to 64 letters, digits, '.', '_' and '-'", "no name", "name=data-1", "",
               [](EntryOptions& o, std::string_view v) { return set_text(o.name, v, is_name(v)); },
               [](const EntryOptions& o) { return !o.name.empty(); }, never},
    OptionForm{"queue-depth", "N",
               "how many commands of the guest the unit takes at a time; one more is answered "
               "TASK SET FULL",
               "a number from 1 to 256", "as many as the ring holds, which is 16", "queue-depth=8",
               "",
               [](EntryOptions& o, std::string_view v) {
                   return set_number(o.queue_depth, v, max_queue_depth);
               },
               [](const EntryOptions& o) { return o.queue_depth.has_value(); }, never},
    OptionForm{
        "timeout", "SECONDS",
        "the longest time a command may have at a SCSI device that is passed through; "
        "commands that take long by nature, such as FORMAT UNIT, are bound by it, too",
        "a number of seconds from 1 to 172800",
        "what the guest says, else what the device recommends, else what is usual for the command; "
        "max-timeout of pvscsid.toml bounds it for all LUNs",
        "timeout=30", "",
        [](EntryOptions& o, std::string_view v) { return set_number(o.timeout, v, max_timeout); },
        [](const EntryOptions& o) { return o.timeout.has_value(); }, never},
    OptionForm{"exclusive", "yes|no",
               "no: the backing is shared with the LUNs whose entries say so as well, and all of "
               "them may write to it. Safe only for guests that see to each other themselves, as "
               "cluster file systems do; nothing here keeps them apart but what they reserve",
               "yes or no", "yes: who may write to it has it alone", "exclusive=no", "",
               set_exclusive, [](const EntryOptions& o) { return o.exclusive.has_value(); }, never},
    OptionForm{"feature-host", "",
               "the guest gets the whole host adapter of the device, with all its units; the same "
               "as VDEV 'host'",
               "", "one unit", "feature-host", "",
               [](EntryOptions& o, std::string_view) { return o.whole_host = true; },
               [](const EntryOptions& o) { return o.whole_host; }, never},
    OptionForm{
        "policy", "[audit:]NAME",
        "which commands the guest may send; with audit: what the policy would refuse is logged and "
        "counted, and passes",
        "a policy's name of 1 to 64 letters, digits, '.', '_' and '-', with or without audit: "
        "before it",
        "of a SCSI device that is passed through 'default', else none", "policy=audit:tape", "",
        [](EntryOptions& o, std::string_view v) {
            return set_text(o.policy, v, parse_policy_choice(v).has_value());
        },
        [](const EntryOptions& o) { return !o.policy.empty(); }, never},
    OptionForm{
        "vport", "auto|WWPN:WWNN[@PORT]",
        "the unit is reached through a Fibre Channel port of the guest's own (NPIV), which "
        "is there for as long as the guest; with auto it gets names out of the host's pool "
        "and keeps them. PORT is the WWPN of the host's port that it is to be on",
        "'auto', or two different names, the port's and then the node's, with a colon "
        "between them; then nothing, or @ and the name of a port of the host. A name has 16 "
        "hexadecimal digits, maybe with 0x before them, or with colons between pairs of them",
        "the host's own port; and the only one of the host's that can have it", "vport=auto", "",
        set_vport, [](const EntryOptions& o) { return !o.vport.empty(); }, never},
};

std::string usage(const OptionForm& form) {
    std::string text(form.name);
    if (!form.value.empty())
        text.append("=").append(form.value);
    return text;
}

/// What people write for an option, and what would be taken for a domain's name.
struct Slip {
    std::string_view text;
    std::string_view remedy;
};
constexpr std::array slips{
    Slip{"rw", "nothing: without 'ro' it is writable"},
    Slip{"w", "nothing: without 'ro' it is writable"},
    Slip{"r", "'ro'"},
    Slip{"readonly", "'ro'"},
    Slip{"read-only", "'ro'"},
};

std::optional<std::string> slip_of(std::string_view text) {
    const std::string small = lower_case(text);
    for (const Slip& slip : slips)
        if (slip.text == small)
            return std::string(slip.remedy);
    for (const OptionForm& form : forms)
        if (form.name == small)
            return "'" + usage(form) + "'";
    return {};
}

} // namespace

std::span<const OptionForm> option_forms() noexcept {
    return forms;
}

const OptionForm* find_option(std::string_view text) noexcept {
    const auto name = text.substr(0, text.find('='));
    const auto place = std::find_if(forms.begin(), forms.end(),
                                    [&](const OptionForm& form) { return form.name == name; });
    return place == forms.end() ? nullptr : &*place;
}

std::optional<Refusal> set_option(EntryOptions& options, std::string_view text) {
    if (text.empty())
        return Refusal{"an empty option", "no comma without an option after it"};
    const OptionForm* const form = find_option(text);
    const auto equals = text.find('=');
    const bool has_value = equals != std::string_view::npos;
    if (form == nullptr) {
        if (const auto remedy = slip_of(text.substr(0, equals)))
            return Refusal{"this option is not known", *remedy};
        return Refusal{"this option is not known", "one of " + known_options()};
    }
    if (form->value.empty() && has_value)
        return Refusal{"this option takes no value", "'" + std::string(form->name) + "'"};
    if (!form->value.empty() && (!has_value || equals + 1 == text.size()))
        return Refusal{"the value is missing", usage(*form) + ", with " + std::string(form->range)};
    if (form->is_set(options))
        return Refusal{"this option is given twice", "'" + std::string(form->name) + "' once"};
    if (!form->set(options, has_value ? text.substr(equals + 1) : std::string_view()))
        return Refusal{"this is no value of the option", std::string(form->range)};
    return {};
}

std::string known_options() {
    std::string text;
    for (const OptionForm& form : forms)
        text += (text.empty() ? "" : ", ") + usage(form);
    return text;
}

std::optional<Refusal> check_backend_domain(std::string_view text) {
    if (const auto remedy = slip_of(text))
        return Refusal{"this option is not known", *remedy};
    const bool good = text.size() <= max_name && std::all_of(text.begin(), text.end(), [](char c) {
                          return is_letter(c) || is_digit(c) ||
                                 std::string_view("._-+").find(c) != std::string_view::npos;
                      });
    if (good && text.front() != '-' && text.front() != '.')
        return {};
    return Refusal{"the third field is neither an option nor a domain's name",
                   "one of " + known_options() + ", or the domain that has the device"};
}

} // namespace pvscsi::config
