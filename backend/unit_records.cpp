#include "backend/unit_records.hpp"

#include "common/base/log.hpp"
#include "common/base/small_file.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sstream>
#include <stdexcept>

namespace pvscsi::backend {

namespace {

/// A domain's name as a file's: what is not plain becomes %XX.
std::string file_name(const std::string& domain) {
    std::string name;
    for (const char c : domain) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_';
        name += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    return name;
}

} // namespace

std::string UnitRecords::file_of(const std::string& domain) const {
    return directory_ + "/" + file_name(domain);
}

/// A line that is damaged is as good as none: the unit is recorded anew.
UnitRecords::Records UnitRecords::read(const std::string& file) {
    Records records;
    const auto text = read_small_file(file);
    if (!text) {
        if (text.error().code != ENOENT)
            throw std::runtime_error(file + ": " + text.error().reason);
        return records;
    }
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find('\t');
        const auto second = line.find('\t', first + 1);
        if (first != std::string::npos && second != std::string::npos)
            records[line.substr(0, first)] = {line.substr(first + 1, second - first - 1),
                                              line.substr(second + 1)};
        else
            log::warning("file={} a line is damaged and was left out", file);
    }
    return records;
}

/// As a whole or not at all, whenever the machine stops.
void UnitRecords::write(const std::string& file, const Records& records) {
    std::string text;
    for (const auto& [vdev, record] : records)
        text += fmt::format("{}\t{}\t{}\n", vdev, record.unit, record.pdev);
    replace_small_file(file, text);
}

void UnitRecords::require_same(const std::string& domain, const std::string& vdev,
                               const std::string& pdev, const std::string& unit) const {
    const std::string file = file_of(domain);
    Records records = read(file);
    const auto place = records.find(vdev);
    if (place != records.end() && place->second.pdev == pdev) {
        if (place->second.unit == unit)
            return;
        throw std::runtime_error(fmt::format(
            "{} leads to the unit {}, and led to {} when the domain was given it; name the unit "
            "you mean by a link in /dev/disk/by-id, or delete {} if this one is right",
            pdev, unit, place->second.unit, file));
    }
    records[vdev] = {unit, pdev};
    write(file, records);
}

void UnitRecords::forget(const std::string& domain, const std::string& vdev) const noexcept {
    try {
        const std::string file = file_of(domain);
        Records records = read(file);
        if (records.erase(vdev) != 0)
            write(file, records);
    } catch (const std::exception& error) {
        log::warning("domain={} the record of {} stays: {}", log::escaped(domain), vdev,
                     error.what());
    }
}

} // namespace pvscsi::backend
