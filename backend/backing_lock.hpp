// Who may have one backing open at the same time: open file description locks, so that they count
// between the units of this process as much as towards other programs, and stay for as long as the
// kernel has I/O of the file, also when the process is dead.
//
//                         | writer alone | readers | exclusive=no | exclusive=no, ro
//   a writer, alone       |      -       |    -    |      -       |        -
//   readers               |      -       |   yes   |      -       |       yes
//   exclusive=no          |      -       |    -    |     yes      |       yes
//   exclusive=no, ro      |      -       |   yes   |     yes      |       yes
//
// A unit on a part of something (a partition of a disk, a loop device's partition of an image) has
// the part alone or shares it by the table above. Of the whole it locks what keeps out units that
// have the whole, by the same table, and no other unit that has a part.
//
// A writer that shares has a byte of its own beside what all of them lock: its successor waits for
// the I/O of a dead predecessor of the same unit, and for nobody else's.
//
// Thread: any. Errors: std::system_error, EBUSY if somebody has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pvscsi::backend {

struct LunConfig;

struct Sharing {
    bool read_only = false;
    /// Others that say the same may write to it, too. A number of the unit's own, which it has
    /// again after a restart.
    std::optional<std::uint64_t> shared_as;
    /// A number of the unit's own, whether it shares or not.
    std::uint64_t unit = 0;
};

[[nodiscard]] Sharing sharing_of(const LunConfig& config);

/// `fd` must be open for writing unless it is read only. Closing it ends the lock.
void lock_backing(int fd, const std::string& path, const Sharing& sharing);

/// The same of what the unit has a part of.
void lock_for_a_part(int fd, const std::string& path, const Sharing& sharing);

} // namespace pvscsi::backend
