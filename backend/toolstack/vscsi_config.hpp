// The grammar of `vscsi = [ 'PDEV,VDEV[,BACKEND][,OPTION...]', ... ]`: text in, logical units or
// refusals out. Nothing but the text is looked at; host_check.hpp asks the file system. The forms
// of PDEV and the options are tables of common/config.
//
// All mistakes of all entries are gathered, so that a file is mended in one go; a list with any
// mistake must not be used.
// Thread: any. Errors: values, never exceptions.
#pragma once

#include "common/config/options.hpp"
#include "common/config/pdev.hpp"
#include "common/xenbus/nodes.hpp"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::toolstack {

/// One entry, understood; served.hpp says whether this version serves all of it.
struct Lun : config::EntryOptions {
    std::size_t entry = 0; ///< its number in the list, counted from 1
    config::Pdev pdev;
    std::string pdev_text;       ///< as written; what goes into `p-dev`
    xenbus::VirtualAddress vdev; ///< of a whole host adapter only the vhost's number counts
    bool vdev_is_host = false;   ///< `host` was written: the vhost has the adapter's number
    std::string backend; ///< the domain that has the device, as written; empty: the one that asks
};

/// Something about one entry that an administrator should know.
struct Remark {
    std::size_t entry = 0; ///< counted from 1; 0: the list as a whole
    std::string text;      ///< the offending part
    std::string reason;
    std::string remedy;
};

struct ParsedList {
    std::vector<Lun> luns;     ///< those that could be understood, in order
    std::vector<Lun> left_out; ///< the file's, for the changes say so
    std::vector<Remark> mistakes;
    std::vector<Remark> warnings;
};

/// What was changed of a domain's entries while it ran, and is to stay (changes.hpp).
struct Changes {
    std::string uuid;               ///< of the domain's file; empty if that gives none
    std::vector<std::string> added; ///< entries
    std::set<std::string> removed;  ///< entries of the file, as they are written there
    [[nodiscard]] bool empty() const { return added.empty() && removed.empty(); }
};

/// Entries that were added have numbers after the file's. Those that were removed are read for
/// mistakes of their own, and that is all.
[[nodiscard]] ParsedList parse_vscsi(const std::vector<std::string>& entries,
                                     const Changes& changes = {});

/// "h:c:t:l", as in an entry; for arguments on the command line.
[[nodiscard]] Expected<xenbus::VirtualAddress, config::Refusal> parse_vdev(std::string_view text);

/// Whether the guest can only read it: asked for, or a CD/DVD.
[[nodiscard]] bool reads_only(const Lun& lun);

/// PDEV with the port that it is reached by; nothing where that is not known yet (vport=auto).
[[nodiscard]] std::optional<config::Pdev> reachable_pdev(const Lun& lun);

/// The vhost that these entries make has all units of a host adapter; then there is one entry.
[[nodiscard]] bool gives_whole_host(std::span<const Lun> luns);

/// An entry that says the same, of what this version serves.
[[nodiscard]] std::string to_entry(const Lun& lun);

/// Whether two entries may name one backing: both only read it, or both say exclusive=no.
[[nodiscard]] bool may_share(const Lun& a, const Lun& b);
/// What is expected where they may not.
inline constexpr const char* sharing_remedy =
    "another backing, 'ro' on both, or 'exclusive=no' on both if the guests keep each other from "
    "harm";

/// One line: "entry 2: 'ram:0': the size is zero; expected ...".
[[nodiscard]] std::string to_string(const Remark& remark);

} // namespace pvscsi::toolstack
