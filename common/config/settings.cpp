#include "common/config/settings.hpp"

#include "common/base/small_file.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/settings_keys.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <toml++/toml.h>

namespace pvscsi::config {

namespace {

std::string known_in(std::string_view table) {
    std::vector<std::string_view> names;
    for (const SettingsKey& key : settings_keys())
        if (key.table == table)
            names.push_back(key.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Goes through one file and gathers what is wrong with it.
class Reader {
  public:
    explicit Reader(const std::string& file) : file_(file) {}

    void read(const toml::table& root) {
        const auto& keys = settings_keys();
        for (const auto& [name, node] : root) {
            const auto* const table = node.as_table();
            const bool known = std::any_of(keys.begin(), keys.end(), [&](const SettingsKey& key) {
                return key.table == name.str();
            });
            if (!known)
                complain(node, fmt::format("\"{}\" is not known; expected [daemon], [allow], "
                                           "[inject], [domains], [npiv], [iscsi] or [policy.NAME]",
                                           name.str()));
            else if (table == nullptr)
                complain(node,
                         fmt::format("\"{}\" is no table; expected [{}]", name.str(), name.str()));
            else if (name.str() == policy_table)
                read_policies(*table);
            else
                read_table(name.str(), *table);
        }
    }

    Settings settings;
    SettingsMistakes mistakes;

  private:
    void read_policies(const toml::table& policies) {
        for (const auto& [name, node] : policies) {
            const auto* const table = node.as_table();
            if (table == nullptr)
                complain(node, fmt::format("\"{}\" is no table; expected [policy.{}]", name.str(),
                                           name.str()));
            else if (!is_policy_name(name.str()) || find_profile(name.str()) != nullptr)
                complain(node, fmt::format("\"{}\" is no name for a policy; expected 1 to 64 "
                                           "letters, digits, '.', '_' and '-', and no profile's "
                                           "name",
                                           name.str()));
            else {
                settings.policies.emplace_back().name = name.str();
                read_table(policy_table, *table);
            }
        }
    }

    void read_table(std::string_view table, const toml::table& values) {
        for (const auto& [name, node] : values) {
            const auto& keys = settings_keys();
            const auto key =
                std::find_if(keys.begin(), keys.end(), [&](const SettingsKey& candidate) {
                    return candidate.table == table && candidate.name == name.str();
                });
            if (key == keys.end())
                complain(node, fmt::format("[{}] has no key \"{}\"; expected {}", table, name.str(),
                                           known_in(table)));
            else if (!key->value.take(node, settings))
                complain(node, fmt::format("{} is not usable; expected {}", name.str(),
                                           key->value.expected));
        }
    }

    void complain(const toml::node& node, const std::string& what) {
        mistakes.push_back(fmt::format("{}:{}: {}", file_, node.source().begin.line, what));
    }

    const std::string& file_;
};

} // namespace

Expected<Settings, SettingsMistakes> parse_settings(std::string_view text,
                                                    const std::string& file) {
    Reader reader(file);
    try {
        reader.read(toml::parse(text));
    } catch (const toml::parse_error& error) {
        return unexpected(SettingsMistakes{
            fmt::format("{}:{}: {}", file, error.source().begin.line, error.description())});
    }
    if (!reader.mistakes.empty())
        return unexpected(std::move(reader.mistakes));
    return std::move(reader.settings);
}

Expected<Settings, SettingsMistakes> read_settings(const std::string& file, bool must_exist) {
    const auto text = read_small_file(file);
    if (text)
        return parse_settings(*text, file);
    if (text.error().code == ENOENT && !must_exist)
        return Settings{};
    // Who runs with it has read it before.
    const char* const remedy =
        text.error().code == ENOENT
            ? "; expected the file that was named, an empty one for all defaults"
            : "";
    return unexpected(SettingsMistakes{
        fmt::format("{}: cannot be read: {}{}", file, text.error().reason, remedy)});
}

bool allows_device(const Settings& settings, const std::string& path) {
    if (!settings.devices)
        return true;
    return std::any_of(settings.devices->begin(), settings.devices->end(), [&](const auto& like) {
        return ::fnmatch(like.c_str(), path.c_str(), FNM_PATHNAME) == 0;
    });
}

bool allows_target(const Settings& settings, const std::string& name) {
    if (!settings.targets)
        return true;
    return std::any_of(settings.targets->begin(), settings.targets->end(), [&](const auto& like) {
        return ::fnmatch(like.c_str(), name.c_str(), FNM_CASEFOLD) == 0;
    });
}

bool allows_file(const Settings& settings, const std::string& path) {
    if (!settings.folders)
        return true;
    return std::any_of(settings.folders->begin(), settings.folders->end(), [&](std::string folder) {
        while (folder.size() > 1 && folder.ends_with('/'))
            folder.pop_back();
        if (folder == "/")
            return true;
        return ::fnmatch(folder.c_str(), path.c_str(), FNM_PATHNAME | FNM_LEADING_DIR) == 0;
    });
}

std::string settings_file(const std::string& host_dir) {
    return host_dir.empty() ? std::string(default_settings_file) : host_dir + "/pvscsid.toml";
}

std::string usual_record_dir(const std::string& host_dir) {
    return host_dir.empty() ? "/var/lib/pvscsi" : host_dir + "/units";
}

std::vector<std::string> domain_file_patterns(const Settings& settings,
                                              const std::string& host_dir) {
    std::vector<std::string> patterns;
    if (host_dir.empty())
        patterns.assign(default_domain_files.begin(), default_domain_files.end());
    patterns = settings.domain_files.value_or(patterns);
    patterns.push_back(defined_domains_dir(host_dir) + "/*.cfg");
    return patterns;
}

} // namespace pvscsi::config
