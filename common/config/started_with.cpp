#include "common/config/started_with.hpp"

#include "common/base/small_file.hpp"
#include "common/config/control_path.hpp"
#include "common/config/settings.hpp"

#include <filesystem>

namespace pvscsi::config {

namespace {

std::string note(const std::string& host_dir) {
    return std::filesystem::path(control_path(host_dir)).replace_filename("started-with");
}

} // namespace

/// A line each.
void tell_started_with(const std::string& host_dir, const StartedWith& with) {
    replace_small_file(note(host_dir), with.settings_file + "\n" + with.record_dir + "\n");
}

StartedWith started_with(const std::string& host_dir) {
    const StartedWith usual{settings_file(host_dir), {}};
    const auto text = read_small_file(note(host_dir));
    const auto first = text ? text->find('\n') : std::string::npos;
    if (first == std::string::npos || first == 0 || text->back() != '\n')
        return usual;
    const auto second = text->find('\n', first + 1);
    if (second == std::string::npos || second + 1 != text->size())
        return usual;
    return {text->substr(0, first), text->substr(first + 1, second - first - 1)};
}

} // namespace pvscsi::config
