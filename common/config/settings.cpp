#include "common/config/settings.hpp"

#include "common/base/small_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <functional>

#include <toml++/toml.h>

namespace pvscsi::config {

namespace {

/// Says what a value should have been, or takes it.
using Take = std::function<std::optional<std::string>(const toml::node&, Settings&)>;

struct Key {
    std::string_view table;
    std::string_view name;
    Take take;
};

Take number(std::optional<unsigned> Settings::*where, unsigned least, unsigned most) {
    return [=](const toml::node& node, Settings& settings) -> std::optional<std::string> {
        const auto value = node.value_exact<std::int64_t>();
        if (!value || *value < least || *value > most)
            return fmt::format("a number from {} to {}", least, most);
        settings.*where = static_cast<unsigned>(*value);
        return {};
    };
}

Take one_of(std::optional<std::string> Settings::*where, std::vector<std::string_view> words) {
    return [=](const toml::node& node, Settings& settings) -> std::optional<std::string> {
        const auto value = node.value_exact<std::string>();
        if (!value || std::find(words.begin(), words.end(), *value) == words.end())
            return fmt::format("one of \"{}\"", fmt::join(words, "\", \""));
        settings.*where = *value;
        return {};
    };
}

bool is_absolute(const std::string& path) {
    return path.starts_with('/') && path.find('\0') == std::string::npos;
}

Take absolute_path(std::optional<std::string> Settings::*where) {
    return [=](const toml::node& node, Settings& settings) -> std::optional<std::string> {
        const auto value = node.value_exact<std::string>();
        if (!value || !is_absolute(*value))
            return "an absolute path";
        settings.*where = *value;
        return {};
    };
}

/// `where` is a vector of strings, or an optional one.
template <class Member>
Take absolute_paths(Member Settings::*where) {
    return [=](const toml::node& node, Settings& settings) -> std::optional<std::string> {
        std::vector<std::string> paths;
        const auto* const array = node.as_array();
        bool good = array != nullptr;
        for (std::size_t i = 0; good && i < array->size(); ++i) {
            paths.push_back(array->get(i)->value_exact<std::string>().value_or(""));
            good = is_absolute(paths.back());
        }
        if (!good)
            return R"(a list of absolute paths or patterns, such as ["/dev/sg*"])";
        settings.*where = std::move(paths);
        return {};
    };
}

const std::vector<Key>& keys() {
    static const std::vector<Key> all{
        {"daemon", "threads", number(&Settings::threads, 1, 256)},
        {"daemon", "wait", one_of(&Settings::wait, {"event", "adaptive", "poll"})},
        {"daemon", "max-spin-us", number(&Settings::max_spin_us, 0, 100'000)},
        {"daemon", "max-segments", number(&Settings::max_segments, 26, 13'312)},
        {"daemon", "state-dir", absolute_path(&Settings::state_dir)},
        {"daemon", "record-dir", absolute_path(&Settings::record_dir)},
        {"daemon", "log-level",
         one_of(&Settings::log_level, {"debug", "info", "warning", "error"})},
        {"allow", "devices", absolute_paths(&Settings::devices)},
        {"allow", "folders", absolute_paths(&Settings::folders)},
        {"domains", "files", absolute_paths(&Settings::domain_files)},
    };
    return all;
}

std::string known_in(std::string_view table) {
    std::vector<std::string_view> names;
    for (const Key& key : keys())
        if (key.table == table)
            names.push_back(key.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Goes through one file and gathers what is wrong with it.
class Reader {
  public:
    explicit Reader(const std::string& file) : file_(file) {}

    void read(const toml::table& root) {
        for (const auto& [name, node] : root) {
            const auto* const table = node.as_table();
            const bool known = std::any_of(keys().begin(), keys().end(),
                                           [&](const Key& key) { return key.table == name.str(); });
            if (!known)
                complain(node, fmt::format("\"{}\" is not known; expected [daemon], [allow] or "
                                           "[domains]",
                                           name.str()));
            else if (table == nullptr)
                complain(node,
                         fmt::format("\"{}\" is no table; expected [{}]", name.str(), name.str()));
            else
                read_table(name.str(), *table);
        }
    }

    Settings settings;
    SettingsMistakes mistakes;

  private:
    void read_table(std::string_view table, const toml::table& values) {
        for (const auto& [name, node] : values) {
            const auto key = std::find_if(keys().begin(), keys().end(), [&](const Key& candidate) {
                return candidate.table == table && candidate.name == name.str();
            });
            if (key == keys().end())
                complain(node, fmt::format("[{}] has no key \"{}\"; expected {}", table, name.str(),
                                           known_in(table)));
            else if (const auto expected = key->take(node, settings))
                complain(node, fmt::format("{} is not usable; expected {}", name.str(), *expected));
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
    return unexpected(
        SettingsMistakes{fmt::format("{}: cannot be read: {}", file, text.error().reason)});
}

bool allows_device(const Settings& settings, const std::string& path) {
    if (!settings.devices)
        return true;
    return std::any_of(settings.devices->begin(), settings.devices->end(), [&](const auto& like) {
        return ::fnmatch(like.c_str(), path.c_str(), FNM_PATHNAME) == 0;
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

} // namespace pvscsi::config
