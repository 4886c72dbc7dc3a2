// What `attach --persist` and `detach --persist` have changed of a domain's entries: a file of its
// own beside the definitions, NAME.changes, so that an administrator's xl file stays as it was
// written. A line each:
//
//   u UUID     of the domain, if its xl file gives one: of another domain of that name none of it
//   counts
//   - ENTRY    of the xl file, left out for as long as it is written so
//   + ENTRY    added
//
// It is read with the domain's file, by the daemon and by pvscsictl, and is refused as that is.
// Thread: any. Errors: as text; std::system_error when it can't be written.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"
#include "backend/toolstack/xl_file.hpp"

#include <string>
#include <vector>

namespace pvscsi::toolstack {

/// `directory`: where `define` keeps its links. Empty if there is none.
[[nodiscard]] std::string changes_file(const std::string& directory, const std::string& domain);

/// None if there is no such file. The error is a line: "FILE:2: ...".
[[nodiscard]] Expected<Changes, std::string> read_changes(const std::string& file);

/// What such a file holds.
[[nodiscard]] std::string text_of(const Changes& changes);

/// No changes: no file.
void write_changes(const std::string& file, const Changes& changes);

/// After which the domain of `file` has this entry; `vdev` is its address.
void keep_attached(Changes& changes, const XlFile& file, const std::string& entry,
                   const xenbus::VirtualAddress& vdev);
/// After which it has nothing at this address.
void keep_detached(Changes& changes, const XlFile& file, const xenbus::VirtualAddress& vdev);

/// The entries that a domain gets: its file's, changed.
struct DomainEntries {
    ParsedList list;
    std::vector<std::string> mistakes; ///< lines, of the file of changes
    std::vector<std::string> notes;    ///< lines: what of the xl file does not count
    bool changed = false;
};
[[nodiscard]] DomainEntries entries_of(const XlFile& file, const std::string& directory);

} // namespace pvscsi::toolstack
