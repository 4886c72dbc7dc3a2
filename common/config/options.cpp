#include "common/config/options.hpp"

#include "common/config/text.hpp"

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

bool is_wwn_pair(std::string_view text) {
    return text.size() == 33 && text[16] == ':' && is_hex(text.substr(0, 16)) &&
           is_hex(text.substr(17));
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
        "what the guest says, else what is usual for the command", "timeout=30", "",
        [](EntryOptions& o, std::string_view v) { return set_number(o.timeout, v, max_timeout); },
        [](const EntryOptions& o) { return o.timeout.has_value(); }, never},
    OptionForm{"exclusive", "yes|no",
               "no: the backing is shared with the LUNs whose entries say so as well, and all of "
               "them may write to it. Safe only for guests that see to each other themselves, as "
               "cluster file systems do; nothing here keeps them apart",
               "yes or no", "yes: who may write to it has it alone", "exclusive=no", "",
               set_exclusive, [](const EntryOptions& o) { return o.exclusive.has_value(); }, never},
    OptionForm{"feature-host", "",
               "the guest gets the whole host adapter of the device, with all its units; the same "
               "as VDEV 'host'",
               "", "one unit", "feature-host", "giving a whole host adapter",
               [](EntryOptions& o, std::string_view) { return o.whole_host = true; },
               [](const EntryOptions& o) { return o.whole_host; },
               [](const EntryOptions& o) { return o.whole_host; }},
    OptionForm{
        "policy", "NAME", "which commands the guest may send",
        "1 to 64 letters, digits, '.', '_' and '-'", "all commands", "policy=safe",
        "a policy of commands",
        [](EntryOptions& o, std::string_view v) { return set_text(o.policy, v, is_name(v)); },
        [](const EntryOptions& o) { return !o.policy.empty(); },
        [](const EntryOptions& o) { return !o.policy.empty(); }},
    OptionForm{"vport", "auto|WWPN:WWNN",
               "the unit is reached through a Fibre Channel port of the guest's own (NPIV)",
               "'auto', or two names of 16 hexadecimal digits with a colon between them",
               "the host's port", "vport=auto", "a virtual Fibre Channel port",
               [](EntryOptions& o, std::string_view v) {
                   return set_text(o.vport, v, v == "auto" || is_wwn_pair(v));
               },
               [](const EntryOptions& o) { return !o.vport.empty(); },
               [](const EntryOptions& o) { return !o.vport.empty(); }},
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
