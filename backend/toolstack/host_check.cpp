#include "backend/toolstack/host_check.hpp"

#include "backend/devices/openers.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/host_units.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::toolstack {

namespace {

using config::Pdev;
using config::PdevKind;
using config::Refusal;

constexpr off_t disk_block = 512;
constexpr off_t cd_block = 2048;

std::string text_of(int error) {
    return std::generic_category().message(error);
}

bool is_device(PdevKind kind) {
    return kind == PdevKind::device || kind == PdevKind::address || kind == PdevKind::wwn ||
           kind == PdevKind::fc;
}

std::string joined(const std::vector<std::string>& texts) {
    std::string list;
    for (const std::string& text : texts)
        list += (list.empty() ? "" : ", ") + text;
    return list;
}

std::optional<Refusal> check_kind(const Lun& lun, const std::string& path, const struct stat& node,
                                  const devices::Roots& roots) {
    if (is_device(lun.pdev.kind)) {
        if (S_ISBLK(node.st_mode) || backend::find_sg_node(path, roots.sys))
            return {};
        return Refusal{"this is neither a SCSI device nor a block device",
                       "a node such as /dev/sg0, /dev/sda, /dev/st0 or a logical volume"};
    }
    if (S_ISBLK(node.st_mode))
        return {};
    if (!S_ISREG(node.st_mode))
        return Refusal{"this is not a regular file", "a disk image or a block device"};
    if (lun.pdev.kind == PdevKind::iso && node.st_size < cd_block)
        return Refusal{"the file is smaller than one block of 2048 bytes", "an ISO image"};
    if (node.st_size < disk_block)
        return Refusal{"the file is smaller than one block of 512 bytes",
                       "a file of the disk's size, made for instance with truncate -s 10G"};
    return {};
}

std::optional<Refusal> check_access(const Lun& lun, const std::string& path) {
    const bool writes = !reads_only(lun);
    const int mode = writes ? R_OK | W_OK : R_OK;
    if (::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0)
        return {};
    return Refusal{std::string("it cannot be opened for ") + (writes ? "writing" : "reading") +
                       " (" + text_of(errno) + ")",
                   writes ? "write access, or the option 'ro'" : "read access"};
}

/// A guest and this host that write to one disk destroy it; so does a host that writes what the
/// guest has read.
std::optional<Refusal> check_unused(const Lun& lun, const std::string& path,
                                    const devices::Roots& roots) {
    const bool alone = lun.exclusive.value_or(true);
    auto sg = backend::find_sg_node(path, roots.sys);
    // Guests that share its block device have it claimed among them.
    if (!is_device(lun.pdev.kind) && alone)
        sg.reset();
    const auto users = sg ? devices::users_of_unit(*sg, roots)
                          : devices::users_of_backing(path, reads_only(lun), roots);
    if (!users.empty())
        return Refusal{"this host uses it: " + joined(users), "a device that is not used here"};
    if (!sg || !alone)
        return {};
    if (const auto openers = devices::openers_of_unit(*sg, roots); !openers.empty())
        return Refusal{"this host uses it: " + joined(openers),
                       "a device that no program has open, or 'exclusive=no' if that one leaves "
                       "the guest's tapes alone"};
    return {};
}

std::optional<Refusal> check_path(const Lun& lun, const devices::Roots& roots) {
    struct stat node {};
    const auto found = backend::path_of(lun.pdev, roots.sys);
    if (!found)
        return found.error();
    const std::string& path = *found;
    if (::stat(path.c_str(), &node) != 0) {
        const int error = errno;
        if (error == ENOENT && lun.pdev.kind == PdevKind::file)
            return Refusal{"there is no such file",
                           "an existing file, made for instance with truncate -s 10G"};
        if (error == ENOENT)
            return Refusal{"there is no such file", "an existing one"};
        return Refusal{"it cannot be looked at (" + text_of(error) + ")", "an accessible path"};
    }
    if (auto refusal = check_kind(lun, path, node, roots))
        return refusal;
    if (auto refusal = check_access(lun, path))
        return refusal;
    return check_unused(lun, path, roots);
}

} // namespace

Backing backing_of(const Lun& lun, const devices::Roots& roots) {
    Backing backing;
    if (!lun.vport.empty())
        return backing; // what a target shows each port may be another unit
    backing.key = config::backing_key(lun.pdev);
    const auto path = backend::path_of(lun.pdev, roots.sys);
    if (!backing.key.empty() && path)
        backing.layers = devices::layers_of(*path, roots);
    return backing;
}

bool same_backing(const Backing& a, const Backing& b) {
    if (a.key.empty() || b.key.empty())
        return false;
    if (a.layers.own.empty() || b.layers.own.empty())
        return a.key == b.key;
    return devices::overlap(a.layers, b.layers);
}

std::vector<Remark> check_backings(const std::vector<Lun>& luns, const devices::Roots& roots) {
    std::vector<Remark> mistakes;
    std::vector<std::pair<const Lun*, Backing>> seen;
    for (const Lun& lun : luns) {
        if (config::backing_key(lun.pdev).empty() || !config::unserved(lun.pdev.kind).empty())
            continue;
        if (lun.pdev.kind == PdevKind::vport)
            continue; // it is made when the domain appears
        if (lun.whole_host) {
            if (const auto host = host_of(lun, roots.sys); !host)
                mistakes.push_back(
                    {lun.entry, lun.pdev_text, host.error().reason, host.error().remedy});
            continue;
        }
        // What a SAN has nobody here knows: the daemon says what comes of it.
        const bool on_san = lun.pdev.kind == PdevKind::iscsi || !lun.vport.empty();
        const auto refusal = on_san ? std::nullopt : check_path(lun, roots);
        if (refusal) {
            mistakes.push_back({lun.entry, lun.pdev_text, refusal->reason, refusal->remedy});
            continue;
        }
        Backing backing = backing_of(lun, roots);
        for (const auto& [other, its] : seen) {
            // The same path twice is found by the parser.
            if (its.key == backing.key || !same_backing(its, backing) || may_share(*other, lun))
                continue;
            mistakes.push_back(
                {lun.entry, lun.pdev_text,
                 "entry " + std::to_string(other->entry) + " uses the same backing by another path",
                 sharing_remedy});
            break;
        }
        seen.emplace_back(&lun, std::move(backing));
    }
    return mistakes;
}

std::vector<Remark> left_out_of_hosts(const std::vector<Lun>& luns, const devices::Roots& roots) {
    std::vector<Remark> warnings;
    for (const Lun& entry : luns) {
        const auto host =
            entry.whole_host ? host_of(entry, roots.sys) : unexpected(Refusal{}); // found already
        if (!host)
            continue;
        const HostUnits units = units_of(*host, entry, roots.sys);
        for (const std::string& address : units.beyond)
            warnings.push_back({entry.entry, address, "the protocol has no room for this address",
                                "channels, targets and LUNs up to 65535"});
        for (const Lun& lun : units.luns)
            if (const auto refusal = check_path(lun, roots))
                warnings.push_back({entry.entry, lun.pdev_text,
                                    "the guest is not given it: " + refusal->reason,
                                    refusal->remedy});
    }
    return warnings;
}

std::string target_by_name(const Pdev& pdev) {
    switch (pdev.kind) {
    case PdevKind::file:
        return "block";
    case PdevKind::iso:
    case PdevKind::ram:
    case PdevKind::null:
    case PdevKind::iscsi:
        return std::string(config::to_string(pdev.kind));
    case PdevKind::address:
    case PdevKind::wwn:
    case PdevKind::fc:
    case PdevKind::vport:
        return "sg";
    case PdevKind::device:
        break;
    }
    return "unknown";
}

std::string target_of(const Pdev& pdev) {
    if (pdev.kind != PdevKind::device)
        return target_by_name(pdev);
    if (backend::find_sg_node(pdev.path))
        return "sg";
    struct stat node {};
    const bool block = ::stat(pdev.path.c_str(), &node) == 0 && S_ISBLK(node.st_mode);
    return block ? "block" : "unknown";
}

} // namespace pvscsi::toolstack
