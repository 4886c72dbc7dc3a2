#include "common/config/policies.hpp"

#include "common/config/text.hpp"

#include <algorithm>
#include <array>

namespace pvscsi::config {

namespace {

using enum CommandClass;

constexpr std::array class_forms{
    CommandClassForm{inquire, "inquire", "asks: changes nothing"},
    CommandClassForm{data, "data", "reads and writes what is on the medium, and moves on it"},
    CommandClassForm{medium, "medium",
                     "starts, stops, loads, unloads and locks; the moves of a changer"},
    CommandClassForm{configure, "configure",
                     "sets what the unit remembers of itself: mode pages, log counters, its clock"},
    CommandClassForm{erase, "erase", "formats, erases, blanks or sanitizes the whole medium"},
    CommandClassForm{reserve, "reserve",
                     "RESERVE, RELEASE and PERSISTENT RESERVE OUT. On a unit that guests share "
                     "without their reservations being kept apart it takes reserve-others as well"},
    CommandClassForm{diagnose, "diagnose", "self-tests and buffers of the unit"},
    CommandClassForm{encrypt, "encrypt", "the keys of a tape drive's encryption"},
    CommandClassForm{copy, "copy", "EXTENDED COPY within the unit"},
    CommandClassForm{reserve_others, "reserve-others",
                     "registers or moves reservations in the name of other initiators"},
    CommandClassForm{copy_others, "copy-others", "EXTENDED COPY that names other units"},
    CommandClassForm{ports, "ports",
                     "what other hosts see: target port groups, aliases, priorities, mode pages of "
                     "ports"},
    CommandClassForm{device, "device",
                     "what all units of a device have in common: taking them offline, enclosures, "
                     "arrays, management protocols, diagnostic pages of no known effect"},
    CommandClassForm{security, "security",
                     "SECURITY PROTOCOL OUT but for tape encryption: locks that outlast the guest"},
    CommandClassForm{ata, "ata", "ATA PASS-THROUGH of commands that are not known to be harmless"},
    CommandClassForm{firmware, "firmware", "loads, activates or selects firmware"},
    CommandClassForm{vendor, "vendor",
                     "vendor's and reserved operation codes, service actions and mode pages: what "
                     "they do is not known"},
};
static_assert(class_forms.size() == command_class_count);

constexpr CommandClasses basic{inquire, data, medium, configure};
constexpr CommandClasses own_unit = basic.with({erase, reserve, diagnose, encrypt, copy});

constexpr std::array<std::uint8_t, 5> disk_types{0x00, 0x04, 0x07, 0x0e, 0x14};
constexpr std::array<std::uint8_t, 1> tape_types{0x01};
constexpr std::array<std::uint8_t, 1> changer_types{0x08};
constexpr std::array<std::uint8_t, 2> optical_types{0x05, 0x07};

const std::array profile_forms{
    Profile{default_policy, own_unit, {}, true, "all that affects nothing but the unit itself"},
    Profile{"disk", basic.with({copy}), disk_types, true,
            "what a file system needs of a disk: no formatting, no reservations, no self-tests"},
    Profile{"tape", basic.with({erase, reserve, diagnose, encrypt}), tape_types, true,
            "what backup software needs of a tape drive"},
    Profile{"changer", basic.with({reserve}), changer_types, true,
            "what backup software needs of a library's robot"},
    Profile{"optical", basic.with({erase}), optical_types, true,
            "reading and burning; no reservations"},
    Profile{"cluster-node",
            own_unit.with({reserve_others}),
            {},
            true,
            "the default, and all of PERSISTENT RESERVE OUT, also on a unit that is shared"},
    Profile{"san-admin",
            own_unit.with({reserve_others, copy_others, ports, device, security, ata, vendor}),
            {},
            true,
            "also what reaches other units and hosts, and vendors' commands (which may do "
            "anything); not the standards' ways to load firmware"},
    Profile{"all",
            CommandClasses::all(),
            {},
            false,
            "everything, malformed commands included: nothing is looked at"},
};

std::string known_policies(std::span<const OwnPolicy> own) {
    std::string text;
    for (const Profile& profile : profile_forms)
        text += (text.empty() ? "" : ", ") + std::string(profile.name);
    for (const OwnPolicy& policy : own)
        text += ", " + policy.name;
    return text;
}

std::optional<std::uint16_t> parse_code(std::string_view text, std::size_t digits) {
    if (!is_hex(text) || text.size() > digits)
        return {};
    std::uint16_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

void apply(Policy& policy, const std::vector<PolicyItem>& items, bool allowed) {
    for (const PolicyItem& item : items) {
        if (const auto* const name = std::get_if<CommandName>(&item))
            (allowed ? policy.allow : policy.refuse).push_back(*name);
        else if (const CommandClass one = std::get<CommandClass>(item); allowed)
            policy.classes.add(one);
        else
            policy.classes.remove(one);
    }
}

Policy policy_of(const Profile& profile) {
    Policy policy;
    policy.name = profile.name;
    policy.classes = profile.classes;
    policy.checks_form = profile.checks_form;
    policy.types = profile.types;
    return policy;
}

} // namespace

std::span<const CommandClassForm> command_classes() noexcept {
    return class_forms;
}

std::string_view name_of(CommandClass value) noexcept {
    return class_forms.at(static_cast<std::size_t>(value)).name;
}

std::span<const Profile> profiles() noexcept {
    return profile_forms;
}

const Profile* find_profile(std::string_view name) noexcept {
    const auto* const place =
        std::find_if(profile_forms.begin(), profile_forms.end(),
                     [&](const Profile& profile) { return profile.name == name; });
    return place == profile_forms.end() ? nullptr : place;
}

std::optional<PolicyItem> parse_policy_item(std::string_view text) {
    for (const CommandClassForm& form : class_forms)
        if (form.name == text)
            return form.value;
    const auto slash = text.find('/');
    const auto opcode = parse_code(text.substr(0, slash), 2);
    if (!opcode)
        return {};
    CommandName name{static_cast<std::uint8_t>(*opcode), {}};
    if (slash != std::string_view::npos) {
        name.action = parse_code(text.substr(slash + 1), 4);
        if (!name.action)
            return {};
    }
    return name;
}

bool is_policy_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
    });
}

std::optional<PolicyChoice> parse_policy_choice(std::string_view text) noexcept {
    constexpr std::string_view mark = "audit:";
    const bool audit = text.starts_with(mark);
    if (audit)
        text.remove_prefix(mark.size());
    if (!is_policy_name(text))
        return {};
    return PolicyChoice{audit, text};
}

Expected<Policy, Refusal> find_policy(std::string_view choice, std::span<const OwnPolicy> own) {
    const auto wanted = parse_policy_choice(choice.empty() ? default_policy : choice);
    if (!wanted)
        return unexpected(Refusal{"\"" + std::string(choice) + "\" is no name of a policy",
                                  "NAME or audit:NAME"});
    const auto mine = std::find_if(own.begin(), own.end(), [&](const OwnPolicy& policy) {
        return policy.name == wanted->name;
    });
    const Profile* const profile = find_profile(mine == own.end() ? wanted->name : mine->base);
    if (profile == nullptr)
        return unexpected(
            Refusal{"there is no policy '" + std::string(wanted->name) + "' on this host",
                    "one of " + known_policies(own) + ", or [policy." + std::string(wanted->name) +
                        "] in pvscsid.toml"});
    Policy policy = policy_of(*profile);
    policy.audit = wanted->audit;
    if (mine != own.end()) {
        policy.name = mine->name;
        policy.audit = policy.audit || mine->audit;
        apply(policy, mine->allow, true);
        apply(policy, mine->refuse, false);
        // A list of what is refused is to be kept to, also over a base that looks at nothing.
        policy.checks_form = policy.checks_form || !mine->refuse.empty();
    }
    return policy;
}

} // namespace pvscsi::config
