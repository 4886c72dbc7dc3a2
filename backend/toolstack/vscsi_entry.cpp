#include "backend/toolstack/vscsi_entry.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace pvscsi::toolstack {

namespace {

using config::Refusal;

constexpr std::string_view vdev_form = "h:c:t:l in decimal, such as 0:0:1:0";

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

/// What has commands of its own and a place on a bus; the others are emulated here.
bool is_scsi(config::PdevKind kind) {
    using enum config::PdevKind;
    return kind == device || kind == address || kind == wwn || kind == iscsi || kind == fc ||
           kind == vport;
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
        if (has_comma_in_path(fields)) {
            complain(text, {"the path in PDEV has a comma, which ends PDEV",
                            "a path without one, for instance a link to that file"});
            return {};
        }
        Lun lun;
        parse_device(lun, fields[0]);
        parse_address(lun, fields[1]);
        for (std::size_t i = 2; i < fields.size(); ++i)
            parse_option(lun, fields[i], i == 2);
        if (mistakes_.size() == before)
            find_misfits(lun, fields);
        lun.whole_host |= lun.vdev_is_host;
        if (mistakes_.size() == before && lun.whole_host)
            find_host_misfits(lun);
        if (mistakes_.size() != before)
            return {};
        return lun;
    }

  private:
    template <typename Fields>
    static bool has_comma_in_path(const Fields& fields) {
        const auto is_address = [](const auto& text) { return parse_vdev(text).has_value(); };
        return fields[0].find('/') != std::string_view::npos && !is_address(fields[1]) &&
               fields[1] != "host" && std::any_of(fields.begin() + 2, fields.end(), is_address);
    }

    void parse_device(Lun& lun, std::string_view text) {
        if (auto pdev = config::parse_pdev(text)) {
            lun.pdev = std::move(*pdev);
            lun.pdev_text = text;
        } else {
            complain(text, pdev.error());
        }
    }

    void parse_address(Lun& lun, std::string_view text) {
        lun.vdev_is_host = text == "host";
        if (lun.vdev_is_host)
            return;
        if (const auto vdev = parse_vdev(text))
            lun.vdev = *vdev;
        else
            complain(text, vdev.error());
    }

    void parse_option(Lun& lun, std::string_view text, bool third_field) {
        const bool is_option = !third_field || text.empty() ||
                               text.find('=') != std::string_view::npos ||
                               config::find_option(text) != nullptr;
        const auto refusal =
            is_option ? config::set_option(lun, text) : config::check_backend_domain(text);
        if (refusal)
            complain(text, *refusal);
        else if (!is_option)
            lun.backend = text;
    }

    /// Options that have no meaning for this PDEV.
    void find_misfits(const Lun& lun, const std::vector<std::string_view>& fields) {
        if (lun.exclusive == false && config::backing_key(lun.pdev).empty())
            complain("exclusive=no", {"what is in this PDEV's memory is the LUN's own",
                                      "a file or device, or an entry without this option"});
        if (lun.pdev.kind == config::PdevKind::vport)
            return find_port_misfits(lun);
        if (is_scsi(lun.pdev.kind))
            return find_vport_misfits(lun);
        const char* const reason = "there is no SCSI device behind this PDEV";
        if (lun.vdev_is_host)
            complain(fields[1], {reason, std::string(vdev_form)});
        for (std::size_t i = 2; i < fields.size(); ++i)
            for (const char* const name : {"timeout", "vport", "feature-host"})
                if (fields[i].substr(0, fields[i].find('=')) == name)
                    complain(fields[i], {reason, "an entry without this option"});
    }

    /// Of a port of the guest's own with all that it sees.
    void find_port_misfits(const Lun& lun) {
        if (!lun.vdev_is_host && !lun.whole_host)
            complain(lun.pdev_text, {"a port is no unit",
                                     "'host' for VDEV, for all units that it sees, or "
                                     "fc.<16hex>:<lun> for PDEV and this as an option, vport="});
        if (!lun.vport.empty())
            complain("vport=" + lun.vport,
                     {"the PDEV is a port already", "an entry without this option"});
    }

    /// The guest's port is the way to the unit, so nothing else can be.
    void find_vport_misfits(const Lun& lun) {
        if (lun.vport.empty())
            return;
        const std::string text = "vport=" + lun.vport;
        if (lun.pdev.kind != config::PdevKind::fc)
            complain(text, {"this PDEV does not say which target port has the unit",
                            "fc.<16hex>:<lun> for PDEV"});
        else if (!lun.pdev.through.is_none())
            complain(text, {"this PDEV names another port to reach the unit by",
                            "fc.<16hex>:<lun> for PDEV, without @"});
        else if (lun.whole_host)
            complain(text, {"the PDEV names one unit, and not all that the port sees",
                            "vport:" + lun.vport + " for PDEV"});
    }

    /// Of an entry for all units of a host adapter.
    void find_host_misfits(Lun& lun) {
        if (lun.vdev_is_host && lun.pdev.kind == config::PdevKind::address)
            lun.vdev = {lun.pdev.address.host, 0, 0, 0};
        else if (lun.vdev_is_host && lun.pdev.kind == config::PdevKind::vport)
            lun.vdev = {}; // the number that its adapter gets is nobody's choice
        else if (lun.vdev_is_host)
            complain("host",
                     {"this PDEV does not say which number the adapter has, and so the vhost",
                      "h:c:t:l of a unit, or a VDEV and 'feature-host'"});
        if (!lun.name.empty())
            complain("name=" + lun.name, {"all units of the adapter would have one name",
                                          "an entry without a name; pvscsictl set gives some"});
        if (!lun.backend.empty())
            complain(lun.backend, {"the units that come and go there can't be followed from here",
                                   "h:c:t:l, an entry for each unit"});
    }

    void complain(std::string_view text, const Refusal& refusal) {
        mistakes_.push_back({entry_, std::string(text), refusal.reason, refusal.remedy});
    }

    std::size_t entry_;
    std::vector<Remark>& mistakes_;
};

} // namespace

std::optional<Lun> parse_entry(std::string_view text, std::size_t entry,
                               std::vector<Remark>& mistakes) {
    return EntryParser(entry, mistakes).parse(text);
}

Expected<xenbus::VirtualAddress, Refusal> parse_vdev(std::string_view text) {
    if (text.empty())
        return refuse("VDEV is missing", vdev_form);
    if (text == "host")
        return refuse("a whole host adapter is no address of a unit", vdev_form);
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

std::string to_entry(const Lun& lun) {
    std::string text = lun.pdev_text + "," + (lun.vdev_is_host ? "host" : to_string(lun.vdev));
    if (!lun.backend.empty())
        text += "," + lun.backend;
    if (lun.whole_host && !lun.vdev_is_host)
        text += ",feature-host";
    if (lun.read_only)
        text += ",ro";
    if (!lun.name.empty())
        text += ",name=" + lun.name;
    if (lun.queue_depth)
        text += ",queue-depth=" + std::to_string(*lun.queue_depth);
    if (lun.timeout)
        text += ",timeout=" + std::to_string(*lun.timeout);
    if (lun.exclusive == false)
        text += ",exclusive=no";
    if (!lun.policy.empty())
        text += ",policy=" + lun.policy;
    if (!lun.vport.empty())
        text += ",vport=" + lun.vport;
    return text;
}

} // namespace pvscsi::toolstack
