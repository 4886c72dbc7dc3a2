#include "common/base/journal_fields.hpp"

#include <algorithm>

namespace pvscsi::log {

namespace {

constexpr std::size_t most_fields = 16;
constexpr std::size_t longest_key = 32;

bool is_key(std::string_view text) {
    return !text.empty() && text.size() <= longest_key &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || c == '-' || c == '_'; });
}

/// The journal takes names of A-Z, 0-9 and _ only.
std::string name_of(std::string_view key) {
    std::string name("PVSCSI_");
    for (const char c : key)
        name += c == '-' || c == '_' ? '_' : static_cast<char>(c - 'a' + 'A');
    return name + "=";
}

bool has(const std::vector<std::string>& fields, const std::string& name) {
    return std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
        return field.compare(0, name.size(), name) == 0;
    });
}

} // namespace

std::vector<std::string> journal_fields(std::string_view line) {
    std::vector<std::string> fields;
    bool quoted = false;
    while (!line.empty() && !quoted && fields.size() < most_fields) {
        const std::string_view word = line.substr(0, line.find(' '));
        const std::size_t equals = word.find('=');
        std::string_view value;
        if (equals != word.npos) {
            value = word.substr(equals + 1);
            quoted = !value.empty() && value.front() == '"';
            if (quoted) {
                value = line.substr(equals + 2);
                value = value.substr(0, value.rfind('"'));
            }
            if (const std::string name = name_of(word.substr(0, equals));
                is_key(word.substr(0, equals)) && !has(fields, name))
                fields.push_back(name + std::string(value));
        }
        line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    return fields;
}

} // namespace pvscsi::log
