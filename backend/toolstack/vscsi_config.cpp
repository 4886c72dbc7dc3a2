#include "backend/toolstack/vscsi_config.hpp"

#include "backend/toolstack/vscsi_entry.hpp"
#include "common/base/printable.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

namespace pvscsi::toolstack {

namespace {

/// What Linux' frontend announces to its SCSI layer (xen-scsifront.c): one channel, ids 0 to 63,
/// LUNs 0 to 254.
constexpr std::uint16_t linux_max_target = 63;
constexpr std::uint16_t linux_max_lun = 254;

/// Whether both use one backing, and may not; by path.
bool backings_clash(const Lun& a, const Lun& b) {
    const std::string key = config::backing_key(a.pdev);
    // By each port of the guest's a unit is a device of its own: two paths to one unit.
    return !key.empty() && key == config::backing_key(b.pdev) && a.backend == b.backend &&
           a.vport == b.vport && !may_share(a, b);
}

/// What is right in each entry and wrong in all of them together.
class Duplicates {
  public:
    Duplicates(const std::vector<Lun>& luns, std::vector<Remark>& mistakes)
        : luns_(luns), mistakes_(mistakes) {}

    void find() {
        for (std::size_t i = 0; i < luns_.size(); ++i) {
            const Lun& lun = luns_[i];
            check_vdev(lun);
            if (!lun.name.empty())
                if (const auto [it, fresh] = names_.emplace(lun.name, lun.entry); !fresh)
                    complain(lun, "name=" + lun.name, it->second, " has this name",
                             "a name of its own, or none");
            for (std::size_t j = 0; j < i; ++j) {
                if (!backings_clash(luns_[j], lun))
                    continue;
                complain(lun, lun.pdev_text, luns_[j].entry, " uses the same backing",
                         sharing_remedy);
                break;
            }
        }
    }

  private:
    void check_vdev(const Lun& lun) {
        const std::string text = lun.vdev_is_host ? "host" : to_string(lun.vdev);
        const auto [it, fresh] = vhosts_.emplace(lun.vdev.host, &lun);
        const Lun& first = *it->second;
        if (!fresh && (first.whole_host || lun.whole_host))
            return complain(lun, text, first.entry,
                            first.whole_host ? " gives a whole host adapter by this vhost"
                                             : " has the same vhost",
                            "a vhost of its own for a whole host adapter");
        if (const auto [at, unused] = addresses_.emplace(lun.vdev, lun.entry); !unused)
            complain(lun, text, at->second, " has this VDEV already",
                     "an address of its own for each entry");
        if (first.backend != lun.backend)
            complain(lun, text, first.entry, " has another backend domain on the same vhost",
                     "a vhost of its own for each backend domain");
    }

    void complain(const Lun& lun, std::string text, std::size_t other, const char* reason,
                  const char* remedy) {
        mistakes_.push_back(
            {lun.entry, std::move(text), "entry " + std::to_string(other) + reason, remedy});
    }

    const std::vector<Lun>& luns_;
    std::vector<Remark>& mistakes_;
    std::map<xenbus::VirtualAddress, std::size_t> addresses_;
    std::map<std::uint32_t, const Lun*> vhosts_; ///< the first entry of each
    std::map<std::string, std::size_t> names_;
};

void warn_beyond_linux(const Lun& lun, std::vector<Remark>& warnings) {
    const auto warn = [&](const char* reason, const char* remedy) {
        warnings.push_back({lun.entry, to_string(lun.vdev), reason, remedy});
    };
    if (lun.vdev.channel > 0)
        warn("Linux' frontend has channel 0 only", "channel 0 for Linux guests");
    if (lun.vdev.target > linux_max_target)
        warn("Linux' frontend has targets up to 63", "a target from 0 to 63 for Linux guests");
    if (lun.vdev.lun > linux_max_lun)
        warn("Linux' frontend has LUNs up to 254", "a LUN from 0 to 254 for Linux guests");
}

} // namespace

bool reads_only(const Lun& lun) {
    return lun.read_only || lun.pdev.kind == config::PdevKind::iso;
}

std::optional<config::Pdev> reachable_pdev(const Lun& lun) {
    if (lun.vport.empty())
        return lun.pdev;
    const auto choice = config::parse_vport_choice(lun.vport);
    if (!choice || !choice->names)
        return {};
    config::Pdev pdev = lun.pdev;
    pdev.through = choice->names->port;
    return pdev;
}

bool gives_whole_host(std::span<const Lun> luns) {
    return !luns.empty() && luns.front().whole_host;
}

bool may_share(const Lun& a, const Lun& b) {
    return (reads_only(a) && reads_only(b)) || (a.exclusive == false && b.exclusive == false);
}

ParsedList parse_vscsi(const std::vector<std::string>& entries, const Changes& changes) {
    ParsedList result;
    for (std::size_t i = 0; i < entries.size() + changes.added.size(); ++i) {
        const bool own = i < entries.size();
        const std::string& text = own ? entries[i] : changes.added[i - entries.size()];
        auto lun = parse_entry(text, i + 1, result.mistakes);
        if (!lun)
            continue;
        lun->entry = i + 1;
        if (own && changes.removed.contains(text)) {
            result.left_out.push_back(std::move(*lun));
            continue;
        }
        warn_beyond_linux(*lun, result.warnings);
        result.luns.push_back(std::move(*lun));
    }
    Duplicates(result.luns, result.mistakes).find();
    std::stable_sort(result.mistakes.begin(), result.mistakes.end(),
                     [](const Remark& a, const Remark& b) { return a.entry < b.entry; });
    return result;
}

std::string to_string(const Remark& remark) {
    std::string line;
    if (remark.entry != 0)
        line = "entry " + std::to_string(remark.entry) + ": ";
    return line + "'" + printable(remark.text) + "': " + remark.reason + "; expected " +
           remark.remedy;
}

} // namespace pvscsi::toolstack
