// Reading attributes of sysfs and lines of procfs. Thread: any. Errors: as empty results.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pvscsi::sysfs {

/// The first line of a file, without blanks around it; empty if there is none.
[[nodiscard]] inline std::string first_line(const std::filesystem::path& file) {
    std::string line;
    std::getline(std::ifstream(file) >> std::ws, line);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t'))
        line.pop_back();
    return line;
}

/// The names in a folder, sorted; none if it is not there.
[[nodiscard]] inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error))
        names.push_back(at->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// The name of the only thing in a folder, such as scsi_generic/sg3; empty if there is none.
[[nodiscard]] inline std::string only_name_in(const std::filesystem::path& folder) {
    const auto names = names_in(folder);
    return names.empty() ? std::string() : names.front();
}

} // namespace pvscsi::sysfs
