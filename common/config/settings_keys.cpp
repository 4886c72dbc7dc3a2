#include "common/config/settings_keys.hpp"

#include "common/config/options.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml++/toml.h>

namespace pvscsi::config {

namespace {

SettingsValue number(std::optional<unsigned> Settings::*where, unsigned least, unsigned most) {
    return {fmt::format("a number from {} to {}", least, most),
            [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<std::int64_t>();
                if (!value || *value < least || *value > most)
                    return false;
                settings.*where = static_cast<unsigned>(*value);
                return true;
            }};
}

SettingsValue yes_or_no(std::optional<bool> Settings::*where) {
    return {"true or false", [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<bool>();
                if (value)
                    settings.*where = *value;
                return value.has_value();
            }};
}

SettingsValue one_of(std::optional<std::string> Settings::*where,
                     std::vector<std::string_view> words) {
    return {fmt::format("one of \"{}\"", fmt::join(words, "\", \"")),
            [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<std::string>();
                if (!value || std::find(words.begin(), words.end(), *value) == words.end())
                    return false;
                settings.*where = *value;
                return true;
            }};
}

bool is_absolute(const std::string& path) {
    return path.starts_with('/') && path.find('\0') == std::string::npos;
}

SettingsValue absolute_path(std::optional<std::string> Settings::*where) {
    return {"an absolute path", [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<std::string>();
                if (!value || !is_absolute(*value))
                    return false;
                settings.*where = *value;
                return true;
            }};
}

/// Of the first two of RFC 7143's forms, so that a guest's name can be put after it.
SettingsValue iscsi_name(std::optional<std::string> Settings::*where) {
    return {R"(an iSCSI name such as "iqn.2003-01.org.example:dom0", at most 180 characters)",
            [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<std::string>();
                const auto in_names = [](char c) {
                    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == ':';
                };
                if (!value || !value->starts_with("iqn.") || value->size() < 5 ||
                    value->size() > 180 || !std::all_of(value->begin(), value->end(), in_names))
                    return false;
                settings.*where = *value;
                return true;
            }};
}

/// How names of the pool begin: their format, the company's number, and what that gave out.
SettingsValue name_prefix(std::optional<std::string> Settings::*where) {
    return {R"(7 to 14 hexadecimal digits, the first one not 0, such as "2fff00163e12"; colons )"
            "between them do not matter",
            [=](const toml::node& node, Settings& settings) {
                auto text = node.value_exact<std::string>().value_or("");
                std::erase(text, ':');
                if (text.size() < 7 || text.size() > 14 || text.front() == '0' || !is_hex(text))
                    return false;
                settings.*where = lower_case(text);
                return true;
            }};
}

using List = std::optional<std::vector<std::string>> Settings::*;

SettingsValue texts(List where, std::string expected, bool (*fits)(const std::string&)) {
    return {std::move(expected), [=](const toml::node& node, Settings& settings) {
                std::vector<std::string> list;
                const auto* const array = node.as_array();
                bool good = array != nullptr;
                for (std::size_t i = 0; good && i < array->size(); ++i) {
                    list.push_back(array->get(i)->value_exact<std::string>().value_or(""));
                    good = fits(list.back());
                }
                if (good)
                    settings.*where = std::move(list);
                return good;
            }};
}

SettingsValue absolute_paths(List where) {
    return texts(where, R"(a list of absolute paths or patterns, such as ["/dev/sg*"])",
                 is_absolute);
}

SettingsValue target_names(List where) {
    return texts(
        where, R"(a list of iSCSI names or patterns, such as ["iqn.2003-01.org.example:*"])",
        [](const std::string& name) {
            return !name.empty() && name.find_first_of(std::string("/\0 ", 3)) == std::string::npos;
        });
}

SettingsValue profile_name(std::string OwnPolicy::*where) {
    std::vector<std::string_view> names;
    for (const Profile& profile : profiles())
        names.push_back(profile.name);
    return {fmt::format("one of \"{}\"", fmt::join(names, "\", \"")),
            [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<std::string>();
                if (!value || find_profile(*value) == nullptr)
                    return false;
                settings.policies.back().*where = *value;
                return true;
            }};
}

SettingsValue policy_items(std::vector<PolicyItem> OwnPolicy::*where) {
    return {fmt::format("a list of up to {}, each {}", max_policy_items, policy_item_form),
            [=](const toml::node& node, Settings& settings) {
                std::vector<PolicyItem> items;
                const auto* const array = node.as_array();
                bool good = array != nullptr && array->size() <= max_policy_items;
                for (std::size_t i = 0; good && i < array->size(); ++i) {
                    const auto item =
                        parse_policy_item(array->get(i)->value_exact<std::string>().value_or(""));
                    good = item.has_value();
                    if (good)
                        items.push_back(*item);
                }
                if (good)
                    settings.policies.back().*where = std::move(items);
                return good;
            }};
}

SettingsValue yes_or_no(bool OwnPolicy::*where) {
    return {"true or false", [=](const toml::node& node, Settings& settings) {
                const auto value = node.value_exact<bool>();
                if (value)
                    settings.policies.back().*where = *value;
                return value.has_value();
            }};
}

} // namespace

const std::vector<SettingsKey>& settings_keys() {
    static const std::vector<SettingsKey> all{
        {"daemon", "threads", number(&Settings::threads, 1, 256),
         "Data threads; each vhost is served by one of them", "one less than there are processors",
         "2"},
        {"daemon", "wait", one_of(&Settings::wait, {"event", "adaptive", "poll"}),
         "How data threads wait for work: they sleep at once, or spin for a bounded time that "
         "tunes "
         "itself, or never sleep while a vhost is connected",
         "\"adaptive\"", "\"event\""},
        {"daemon", "max-spin-us", number(&Settings::max_spin_us, 0, 100'000),
         "The longest spin of \"adaptive\", in microseconds", "100", "20"},
        {"daemon", "max-segments", number(&Settings::max_segments, 26, 13'312),
         "Data segments, of 4 KiB at most, that one request may have; the guest is told by the "
         "node "
         "feature-sg-grant",
         "1024", "512"},
        {"daemon", "state-dir", absolute_path(&Settings::state_dir),
         "Where the next daemon finds what it needs to go on with the guests' connections; best on "
         "a tmpfs",
         "\"/run/pvscsi\"", "\"/run/pvscsi\""},
        {"daemon", "record-dir", absolute_path(&Settings::record_dir),
         "Where it is remembered over a boot which units names such as /dev/sdb or 1:0:2:0 led to",
         "\"/var/lib/pvscsi\"", "\"/var/lib/pvscsi\""},
        {"daemon", "trace-length", number(&Settings::trace_length, 0, 65'536),
         "The last commands of each LUN that are kept for pvscsictl trace, with what became of "
         "them "
         "and without their data, in 96 bytes each, but none of ram: and null:; any number but 0, "
         "which is for none, keeps 64 "
         "at least",
         "256", "4096"},
        {"daemon", "log-level", one_of(&Settings::log_level, {"debug", "info", "warning", "error"}),
         "The least important lines that are logged", "\"info\"", "\"warning\""},
        {"daemon", "max-timeout", number(&Settings::max_timeout, 1, max_timeout),
         "The longest time, in seconds, that a command may have at a SCSI device that is passed "
         "through, whatever the guest, the device or timeout= of an entry say; read again by "
         "systemctl reload pvscsid, for LUNs that are opened or changed from then on",
         "no bound but theirs", "3600"},
        {"allow", "devices", absolute_paths(&Settings::devices),
         "The devices that entries may name, as they are written or where their links lead",
         "every device", R"(["/dev/sg*", "/dev/mapper/*"])"},
        {"allow", "folders", absolute_paths(&Settings::folders),
         "The folders, with all below them, in which the images of file: and iso: may lie",
         "every folder", R"(["/srv/images"])"},
        {"allow", "targets", target_names(&Settings::targets),
         "The iSCSI targets whose units entries may name", "every target",
         R"(["iqn.2003-01.org.example:*"])"},
        {"inject", "allow", yes_or_no(&Settings::inject_allow),
         "Whether pvscsictl inject may make commands of guests fail, for tests of what they do "
         "then; "
         "it counts for LUNs that are opened from then on, and none has faults any more as soon as "
         "it is false",
         "false", "true"},
        {"domains", "files", absolute_paths(&Settings::domain_files),
         "The xl files whose domains get their units whenever they start, whoever starts them",
         R"(["/etc/xen/*.cfg", "/etc/xen/auto/*"])", R"(["/etc/xen/*.cfg", "/srv/xen/*.cfg"])"},
        {"npiv", "pool", name_prefix(&Settings::npiv_pool),
         "How all names begin that vport=auto gives to guests: digits that are registered for this "
         "host and that nobody else gives names with, for two ports with one name end each other's "
         "logins. A guest is given four names, and keeps them",
         "no pool, and vport=auto is refused", "\"2fff00163e12\""},
        {"npiv", "wait", number(&Settings::npiv_wait, 1, 3600),
         "How many seconds a LUN waits, when it is opened, for its guest's port to be logged in, "
         "and for the target and the LUN to appear behind it",
         "30", "60"},
        {"npiv", "linger", number(&Settings::npiv_linger, 0, 86'400),
         "How many seconds a guest's port stays when its last LUN has been let go of: for longer "
         "than the guest needs to reboot",
         "60", "300"},
        {"npiv", "hold", number(&Settings::npiv_hold, 0, 600),
         "For how many seconds the commands of a guest are held when a target port goes away "
         "behind its port, as one that comes back soon does no harm then; 0: they fail at once, "
         "for guests with several paths. After that they fail, and the unit is lost when the "
         "kernel's dev_loss_tmo is over, which is made longer if need be",
         "as the driver has it, which mostly is until the unit is lost", "10"},
        {"iscsi", "initiator", iscsi_name(&Settings::iscsi_initiator),
         "What this host is called by targets; a guest's units are logged in to by this name with "
         "a colon and the domain's UUID after it, so that a SAN can give each guest its own",
         "the name in /etc/iscsi/initiatorname.iscsi, else "
         "\"iqn.2026-11.local.pvscsi:HOSTNAME\"",
         "\"iqn.2003-01.org.example:dom0\""},
        {"iscsi", "secrets", absolute_path(&Settings::iscsi_secrets),
         "The file of CHAP secrets: in each line USER SECRET, or USER SECRET TARGET-USER "
         "TARGET-SECRET where the target has to prove itself too. An entry selects the line by "
         "iscsi://USER@PORTAL/...; the file must be root's, with mode 0600, and is read when a "
         "unit is opened",
         "\"/etc/pvscsi/iscsi.secrets\"", "\"/etc/pvscsi/iscsi.secrets\""},
        {"iscsi", "header-digest", one_of(&Settings::iscsi_header_digest, {"none", "crc32c"}),
         "Whether the headers of what is sent have a checksum of their own; with \"crc32c\" a "
         "target that has none is not logged in to",
         "\"none\"", "\"crc32c\""},
        {policy_table, "base", profile_name(&OwnPolicy::base), "The profile to begin with",
         "\"default\"", "\"tape\""},
        {policy_table, "allow", policy_items(&OwnPolicy::allow), "What the guest may send as well",
         "nothing", R"(["vendor", "3b/04", "3b/05"])"},
        {policy_table, "refuse", policy_items(&OwnPolicy::refuse),
         "What the guest may not send; an operation code here goes before allow, and both before "
         "classes",
         "nothing", R"(["erase", "a4/0f"])"},
        {policy_table, "audit", yes_or_no(&OwnPolicy::audit),
         "What would be refused is logged and counted, and passes: for finding out what a policy "
         "would mean to a guest",
         "false", "true"},
    };
    return all;
}

} // namespace pvscsi::config
