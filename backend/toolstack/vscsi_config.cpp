#include "backend/toolstack/vscsi_config.hpp"

#include "backend/toolstack/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>

namespace pvscsi::toolstack {

namespace {

using config::Refusal;

constexpr std::string_view vdev_form = "h:c:t:l in decimal, such as 0:0:1:0";
constexpr std::string_view options_form = "'ro' or 'name=NAME'";
constexpr std::size_t max_name = 64;

/// What Linux' frontend announces to its SCSI layer (xen-scsifront.c): one channel, ids 0 to 63,
/// LUNs 0 to 254.
constexpr std::uint16_t linux_max_target = 63;
constexpr std::uint16_t linux_max_lun = 254;

tl::unexpected<Refusal> refuse(std::string reason, std::string_view remedy) {
    return unexpected(Refusal{std::move(reason), std::string(remedy)});
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    for (;;) {
        const auto at = text.find(separator);
        fields.push_back(trimmed(text.substr(0, at)));
        if (at == std::string_view::npos)
            return fields;
        text.remove_prefix(at + 1);
    }
}

struct Part {
    std::string_view name;
    std::uint64_t max;
};
constexpr std::array<Part, 4> parts{
    Part{"the vhost number", std::numeric_limits<std::uint32_t>::max()},
    Part{"the channel", std::numeric_limits<std::uint16_t>::max()},
    Part{"the target", std::numeric_limits<std::uint16_t>::max()},
    Part{"the LUN", std::numeric_limits<std::uint16_t>::max()}};

std::optional<Refusal> wrong_part(std::string_view text, const Part& part) {
    const std::string name(part.name);
    const std::string range = "a number from 0 to " + std::to_string(part.max);
    if (text.empty())
        return Refusal{name + " is missing", std::string(vdev_form)};
    if (text.find_first_not_of("0123456789") != std::string_view::npos)
        return Refusal{name + " is not a decimal number", range};
    if (!xenbus::parse_number(text, part.max))
        return Refusal{name + " is out of range", range};
    return {};
}

bool valid_name(std::string_view name) {
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    });
}

/// Options of later versions and of other toolstacks: refused as such, not as misspelt.
bool is_foreign_option(std::string_view option) {
    constexpr std::array<std::string_view, 6> foreign{"feature-host", "policy",  "vport",
                                                      "queue-depth",  "timeout", "exclusive"};
    const auto key = option.substr(0, option.find('='));
    return std::find(foreign.begin(), foreign.end(), key) != foreign.end();
}

std::optional<Refusal> set_name(Lun& lun, std::string_view name) {
    if (!lun.name.empty())
        return Refusal{"a second name", "one name=NAME"};
    if (name.empty())
        return Refusal{"the name is missing", "name=NAME"};
    if (name.size() > max_name)
        return Refusal{"the name is too long", "at most 64 characters"};
    if (!valid_name(name))
        return Refusal{"the name holds other characters than letters, digits, '.', '_' and '-'",
                       "a name such as data-1"};
    lun.name = name;
    return {};
}

std::optional<Refusal> set_option(Lun& lun, std::string_view option) {
    if (option.empty())
        return Refusal{"an empty option", "no comma without an option after it"};
    if (option.starts_with("name="))
        return set_name(lun, option.substr(5));
    if (option == "ro") {
        if (lun.read_only)
            return Refusal{"'ro' is given twice", "'ro' once"};
        lun.read_only = true;
        return {};
    }
    if (is_foreign_option(option))
        return Refusal{"this option is not supported by this version", std::string(options_form)};
    if (option == "rw" || option == "w")
        return Refusal{"there is no option for writing", "nothing: without 'ro' it is writable"};
    return Refusal{"this option is not known (a backend domain as third field is not supported "
                   "by this version)",
                   std::string(options_form)};
}

/// One entry, with all that is wrong in it.
class EntryParser {
  public:
    EntryParser(std::size_t entry, std::vector<Remark>& mistakes)
        : entry_(entry), mistakes_(mistakes) {}

    std::optional<Lun> parse(std::string_view text) {
        const std::size_t before = mistakes_.size();
        const auto fields = split(text, ',');
        if (fields.size() < 2) {
            complain(text, {"there is no VDEV", "PDEV,VDEV[,OPTION...]"});
            return {};
        }
        Lun lun;
        parse_device(lun, fields[0]);
        if (const auto vdev = parse_vdev(fields[1]))
            lun.vdev = *vdev;
        else
            complain(fields[1], vdev.error());
        for (std::size_t i = 2; i < fields.size(); ++i)
            if (const auto refusal = set_option(lun, fields[i]))
                complain(fields[i], *refusal);
        if (mistakes_.size() != before)
            return {};
        return lun;
    }

  private:
    void parse_device(Lun& lun, std::string_view text) {
        if (auto pdev = config::parse_pdev(text)) {
            lun.pdev = std::move(*pdev);
            lun.pdev_text = text;
        } else {
            complain(text, pdev.error());
        }
    }

    void complain(std::string_view text, const Refusal& refusal) {
        mistakes_.push_back({entry_, std::string(text), refusal.reason, refusal.remedy});
    }

    std::size_t entry_;
    std::vector<Remark>& mistakes_;
};

/// Whether both use one backing, and not only for reading; by path.
bool backings_clash(const Lun& a, const Lun& b) {
    return !a.pdev.path.empty() && a.pdev.path == b.pdev.path && !(reads_only(a) && reads_only(b));
}

/// What is right in each entry and wrong in all of them together.
void find_duplicates(const std::vector<Lun>& luns, std::vector<Remark>& mistakes) {
    std::map<xenbus::VirtualAddress, std::size_t> addresses;
    std::map<std::string, std::size_t> names;
    for (std::size_t i = 0; i < luns.size(); ++i) {
        const Lun& lun = luns[i];
        if (const auto [it, fresh] = addresses.emplace(lun.vdev, lun.entry); !fresh)
            mistakes.push_back({lun.entry, to_string(lun.vdev),
                                "entry " + std::to_string(it->second) + " has this VDEV already",
                                "an address of its own for each entry"});
        if (!lun.name.empty())
            if (const auto [it, fresh] = names.emplace(lun.name, lun.entry); !fresh)
                mistakes.push_back({lun.entry, "name=" + lun.name,
                                    "entry " + std::to_string(it->second) + " has this name",
                                    "a name of its own, or none"});
        for (std::size_t j = 0; j < i; ++j) {
            if (!backings_clash(luns[j], lun))
                continue;
            mistakes.push_back({lun.entry, lun.pdev_text,
                                "entry " + std::to_string(luns[j].entry) + " uses the same backing",
                                "another backing, or 'ro' on both"});
            break;
        }
    }
}

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

Expected<xenbus::VirtualAddress, Refusal> parse_vdev(std::string_view text) {
    if (text.empty())
        return refuse("VDEV is missing", vdev_form);
    if (text == "host")
        return refuse("giving a whole host adapter is not supported by this version", vdev_form);
    const auto fields = split(text, ':');
    if (fields.size() != parts.size())
        return refuse("VDEV has " + std::to_string(fields.size()) + " of 4 numbers", vdev_form);
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (auto refusal = wrong_part(fields[i], parts[i]))
            return unexpected(std::move(*refusal));
    const auto address = xenbus::parse_address(text);
    if (!address)
        return refuse("VDEV holds blanks", vdev_form);
    return *address;
}

bool reads_only(const Lun& lun) {
    return lun.read_only || lun.pdev.kind == config::PdevKind::iso;
}

ParsedList parse_vscsi(const std::vector<std::string>& entries) {
    ParsedList result;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto lun = EntryParser(i + 1, result.mistakes).parse(entries[i]);
        if (!lun)
            continue;
        lun->entry = i + 1;
        warn_beyond_linux(*lun, result.warnings);
        result.luns.push_back(std::move(*lun));
    }
    find_duplicates(result.luns, result.mistakes);
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
