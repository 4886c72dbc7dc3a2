#include "backend/suspended_units.hpp"

#include "common/base/log.hpp"

#include <filesystem>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace pvscsi::backend {

namespace {

/// No domain's file in the folder around it has a dot in its name.
constexpr auto folder = "/suspended.d";

bool is_of(const std::string& uuid, const UnitRecords::Record& record) {
    return record.unit.starts_with(uuid + " ");
}

} // namespace

SuspendedUnits::SuspendedUnits(const std::string& record_dir)
    : directory_(record_dir + folder), records_(directory_) {}

void SuspendedUnits::remember(const std::string& domain, const std::string& uuid,
                              const UnitRecords::Records& units, const Which& is_ours) const {
    UnitRecords::Records before;
    try {
        before = records_.all(domain);
    } catch (const std::runtime_error&) { // damaged
    }
    UnitRecords::Records records = before;
    // Of its other vhosts what has just been written stays; of another domain's life nothing does.
    std::erase_if(records, [&](const auto& entry) {
        return !is_of(uuid, entry.second) || is_ours(entry.first);
    });
    for (const auto& [vdev, record] : units)
        records[vdev] = {uuid + " " + record.unit, record.pdev};
    if (records == before)
        return;
    records_.replace(domain, records);
    remove_oldest();
}

void SuspendedUnits::require_same(const std::string& domain, const std::string& uuid,
                                  const std::string& vdev, const UnitRecords::Record& now) const {
    const UnitRecords::Records records = records_.all(domain);
    const auto place = records.find(vdev);
    if (place == records.end() || !is_of(uuid, place->second))
        return;
    const std::string then = place->second.unit.substr(uuid.size() + 1);
    if (then != now.unit)
        throw std::runtime_error(fmt::format(
            "{} is {}, and the LUN was {} ({}) when the domain was suspended: what the guest has "
            "in memory is of that one; put that one back, or say 'pvscsictl accept {} {}' if "
            "this one is right",
            now.pdev, now.unit, then, place->second.pdev, domain, vdev));
}

void SuspendedUnits::forget(const std::string& domain, const std::string& uuid,
                            const Which& which) const noexcept {
    if (domain.empty() || uuid.empty())
        return; // nothing was remembered of it
    try {
        UnitRecords::Records records = records_.all(domain);
        if (std::erase_if(records, [&](const auto& entry) {
                return is_of(uuid, entry.second) && which(entry.first);
            }) != 0)
            records_.replace(domain, records);
    } catch (const std::exception& error) {
        log::warning("domain={} what its LUNs were when it was suspended stays: {}",
                     log::escaped(domain), error.what());
    }
}

void SuspendedUnits::accept(const std::string& domain, const std::string& vdev) const {
    UnitRecords::Records records;
    if (!vdev.empty()) {
        records = records_.all(domain);
        if (records.erase(vdev) == 0)
            return;
    }
    records_.replace(domain, records);
}

/// Domains that were saved and never came back.
void SuspendedUnits::remove_oldest() const {
    namespace fs = std::filesystem;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(directory_, error))
        files.emplace_back(file.last_write_time(error), file.path());
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + most_domains < files.size(); ++i)
        fs::remove(files[i].second, error);
}

} // namespace pvscsi::backend
