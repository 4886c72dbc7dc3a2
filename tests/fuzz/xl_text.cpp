// An xl file as somebody may have left it: whatever is in it, xl's parser (libxlutil) neither ends
// the program nor is given what it takes minutes for, and what comes out is whole.
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "tests/fuzz/input.hpp"

using namespace pvscsi;
using fuzz::must;

namespace {

bool harmless(const std::string& line) {
    return std::none_of(line.begin(), line.end(),
                        [](char c) { return (static_cast<unsigned char>(c) < 0x20) || c == 0x7f; });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    std::string text;
    for (const std::uint8_t byte : input.rest())
        text.push_back(static_cast<char>(byte));
    const auto file = toolstack::parse_xl_file("/a.cfg", text);
    must(file.path == "/a.cfg" && file.error == 0, "another file");
    // 20 of xl's parser, or of each entry one.
    must(file.mistakes.size() <= 21 + text.size() / 2, "mistakes without end");
    for (const std::string& line : file.mistakes)
        must(!line.empty() && harmless(line), "a mistake that writes to the terminal");
    must(file.mentions_vscsi || file.vscsi.empty(), "entries of nothing");
    if (!file.mistakes.empty())
        return 0;
    must(!file.name.empty() && harmless(file.name), "a name that is none");
    must(file.name.find('/') == std::string::npos, "a name that leads to another folder");
    must(file.uuid.empty() || file.uuid.size() == 36, "a UUID that is none");
    const auto entries = toolstack::entries_of(file, "");
    must(entries.list.luns.size() + entries.list.mistakes.size() >= file.vscsi.size(),
         "an entry is lost");
    return 0;
}
