// The parts of an ordinary xl configuration file that concern vscsi, read with Xen's own parser
// (libxlutil, static functions without state of ours). Keys that are not ours are left alone.
// Thread: any. Errors: as text in the result; the file is only read, and only if it is a regular
// one of at most max_small_file bytes. What libxlutil can't take is refused before it gets it: it
// trusts its files, and asserts.
#pragma once

#include <string>
#include <vector>

namespace pvscsi::toolstack {

struct XlFile {
    std::string path;
    std::string name;               ///< of the domain
    std::string uuid;               ///< empty if the file gives none
    std::vector<std::string> vscsi; ///< the list's entries, as written
    bool mentions_vscsi = false;    ///< has the key, or can't be parsed and has the word
    int error = 0;                  ///< errno, if it could not be read
    /// A line each, beginning with the file's name; the rest is not to be used if there are any,
    /// but what could be read is there, to look for more of them.
    std::vector<std::string> mistakes;
};

[[nodiscard]] XlFile read_xl_file(const std::string& path);
/// The same of what was read from there: max_small_file bytes at most.
[[nodiscard]] XlFile parse_xl_file(const std::string& path, const std::string& text);

} // namespace pvscsi::toolstack
