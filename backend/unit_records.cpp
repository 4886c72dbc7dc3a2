#include "backend/unit_records.hpp"

#include "common/base/log.hpp"
#include "common/base/small_file.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

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

/// Each line says where a unit belongs: without one of them, another unit would be taken for right.
UnitRecords::Records UnitRecords::read(const std::string& file) {
    Records records;
    const auto text = read_small_file(file);
    if (!text) {
        if (text.error().code != ENOENT)
            throw std::runtime_error(file + ": " + text.error().reason);
        return records;
    }
    std::istringstream lines(*text);
    unsigned number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto first = line.find('\t');
        const auto second = first == std::string::npos ? first : line.find('\t', first + 1);
        const bool cut = lines.eof(); // every line ends with a newline
        if (cut || first == 0 || second == std::string::npos || second == first + 1 ||
            second + 1 == line.size() || line.find('\t', second + 1) != std::string::npos)
            throw std::runtime_error(fmt::format(
                "line {} of {} is damaged, so which units this domain's names led to "
                "is not known any more; 'pvscsictl accept' of the domain if all of them "
                "lead to the right ones now",
                number, file));
        records[line.substr(0, first)] = {line.substr(first + 1, second - first - 1),
                                          line.substr(second + 1)};
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

void UnitRecords::replace(const std::string& domain, const Records& records) const {
    if (!records.empty())
        return write(file_of(domain), records);
    if (::unlink(file_of(domain).c_str()) != 0 && errno != ENOENT)
        throw std::system_error(errno, std::generic_category(), "cannot remove " + file_of(domain));
}

bool UnitRecords::knows(const std::string& domain) const {
    return ::access(file_of(domain).c_str(), F_OK) == 0 || errno != ENOENT;
}

void UnitRecords::require_same(const std::string& domain, const std::string& vdev,
                               const std::string& pdev, const std::string& unit) const {
    const std::string file = file_of(domain);
    Records records = read(file);
    const auto place = records.find(vdev);
    if (place != records.end() && place->second.pdev == pdev) {
        if (place->second.unit == unit)
            return;
        if (unit.empty())
            throw std::runtime_error(fmt::format(
                "{} leads to a unit without a name of its own, and led to {} when the domain was "
                "given it; name the unit you mean by a link in /dev/disk/by-id, or say 'pvscsictl "
                "accept {} {}' if this one is right",
                pdev, place->second.unit, domain, vdev));
        throw std::runtime_error(fmt::format(
            "{} leads to the unit {}, and led to {} when the domain was given it; name the unit "
            "you mean by a link in /dev/disk/by-id, or say 'pvscsictl accept {} {}' if this one is "
            "right",
            pdev, unit, place->second.unit, domain, vdev));
    }
    if (unit.empty()) { // it can't be told from another one
        if (records.erase(vdev) != 0)
            write(file, records);
        return;
    }
    records[vdev] = {unit, pdev};
    write(file, records);
}

std::string UnitRecords::unit_of(const std::string& domain, const std::string& vdev,
                                 const std::string& pdev) const {
    const Records records = read(file_of(domain));
    const auto place = records.find(vdev);
    return place != records.end() && place->second.pdev == pdev ? place->second.unit : "";
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
