// A change of what a domain's next start begins with that is under way: NAME.pending, beside
// NAME.changes. It is written, and synced, before anything is changed, and gone when all is.
// Whoever is killed in between leaves it behind, and with it what is needed to end or to drop the
// change.
//
// It is a file of changes as it is to be (changes.hpp), with the intent in comments: to rename it
// is all that is left to do, which a full disk does not prevent.
//
//   #life DOMID VM    the running domain that is changed, and its `vm` node, of --persist
//   #+ ENTRY          it gets
//   #- VDEV           it loses
//   #link PATH        of define: where the domain's link is to lead; of undefine no PATH
//
// Of --persist nothing counts before it is renamed: the next pvscsictl does that, or drops it, by
// what the store says of that life of the domain; with the life it ends. Of define and undefine the
// changes count no more as soon as the link is as it is to be.
// Thread: any. Errors: std::system_error when it can't be written. One that can't be read is none.
#pragma once

#include "backend/toolstack/changes.hpp"
#include "common/base/strong_id.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

struct Pending {
    struct Life {
        DomId guest{0};
        std::string vm;
        std::vector<std::string> attached; ///< entries
        std::vector<std::string> detached; ///< VDEVs
    };
    std::optional<Life> life;
    std::optional<std::string> link; ///< of define and undefine
};

[[nodiscard]] std::string pending_file(const std::string& directory, const std::string& domain);
/// Where `define` puts a domain's link.
[[nodiscard]] std::string link_file(const std::string& directory, const std::string& domain);

[[nodiscard]] std::optional<Pending> read_pending(const std::string& directory,
                                                  const std::string& domain);
/// `changes`: as they are to be.
void write_pending(const std::string& directory, const std::string& domain, const Pending& pending,
                   const Changes& changes);
/// It is done: the domain's changes are those that it was written with.
void commit_pending(const std::string& directory, const std::string& domain);
/// It is not to be done.
void drop_pending(const std::string& directory, const std::string& domain);

/// Whether the link is as an unfinished define or undefine would have it, so that the changes there
/// are count no more.
[[nodiscard]] bool is_link_made(const std::string& directory, const std::string& domain,
                                const Pending& pending);
[[nodiscard]] bool are_changes_forgotten(const std::string& directory, const std::string& domain);

} // namespace pvscsi::toolstack
