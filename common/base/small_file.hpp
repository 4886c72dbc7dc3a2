// Files that people write and a program reads whole: configuration.
//
// Only regular files, and only up to a size: a FIFO must not hang the reader, nor a device or a
// log that was named by mistake fill its memory. Nothing but a regular file is opened at all, as
// opening alone does something to a tape or a terminal.
// Thread: any. Errors: as text, part of a sentence: "not a regular file".
#pragma once

#include "common/base/expected.hpp"

#include <cstddef>
#include <string>

namespace pvscsi {

/// More than anybody writes by hand.
inline constexpr std::size_t max_small_file = std::size_t{1} << 20;

struct SmallFileError {
    int code = 0; ///< errno; 0 if the file is not of the kind or size
    std::string reason;
};

[[nodiscard]] Expected<std::string, SmallFileError>
read_small_file(const std::string& path, std::size_t limit = max_small_file);

/// Makes the file hold `text`, readable for its owner alone: as a whole or not at all, whenever the
/// machine stops. Makes its folder if that is missing. Throws std::system_error.
void replace_small_file(const std::string& path, const std::string& text);

/// The second half of that, of a file in the same folder that was written so before.
void rename_small_file(const std::string& from, const std::string& path);

} // namespace pvscsi
