#include "common/config/settings_keys.hpp"

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

SettingsValue absolute_paths(std::optional<std::vector<std::string>> Settings::*where) {
    return {R"(a list of absolute paths or patterns, such as ["/dev/sg*"])",
            [=](const toml::node& node, Settings& settings) {
                std::vector<std::string> paths;
                const auto* const array = node.as_array();
                bool good = array != nullptr;
                for (std::size_t i = 0; good && i < array->size(); ++i) {
                    paths.push_back(array->get(i)->value_exact<std::string>().value_or(""));
                    good = is_absolute(paths.back());
                }
                if (good)
                    settings.*where = std::move(paths);
                return good;
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
        {"daemon", "log-level", one_of(&Settings::log_level, {"debug", "info", "warning", "error"}),
         "The least important lines that are logged", "\"info\"", "\"warning\""},
        {"allow", "devices", absolute_paths(&Settings::devices),
         "The devices that entries may name, as they are written or where their links lead",
         "every device", R"(["/dev/sg*", "/dev/mapper/*"])"},
        {"allow", "folders", absolute_paths(&Settings::folders),
         "The folders, with all below them, in which the images of file: and iso: may lie",
         "every folder", R"(["/srv/images"])"},
        {"domains", "files", absolute_paths(&Settings::domain_files),
         "The xl files whose domains get their units whenever they start, whoever starts them",
         R"(["/etc/xen/*.cfg", "/etc/xen/auto/*"])", R"(["/etc/xen/*.cfg", "/srv/xen/*.cfg"])"},
    };
    return all;
}

} // namespace pvscsi::config
