// What people write: the first byte says whether the rest is a settings file or entries of
// `vscsi=`, a line each. Whatever it is, it is taken whole and in range, or refused with a reason
// and a remedy that can't do harm on a terminal.
#include "backend/toolstack/vscsi_config.hpp"
#include "common/config/settings.hpp"
#include "tests/fuzz/input.hpp"

using namespace pvscsi;
using fuzz::must;

namespace {

bool harmless(const std::string& line) {
    return std::none_of(line.begin(), line.end(),
                        [](char c) { return (static_cast<unsigned char>(c) < 0x20) || c == 0x7f; });
}

void settings(std::string_view text) {
    const auto read = config::parse_settings(text, "pvscsid.toml");
    if (!read) {
        must(!read.error().empty(), "refused without a mistake");
        for (const std::string& line : read.error()) {
            must(line.starts_with("pvscsid.toml:"), "a mistake without its file");
            must(harmless(line), "a mistake that writes to the terminal");
        }
        return;
    }
    must(!read->threads || (*read->threads >= 1 && *read->threads <= 256), "threads");
    must(!read->max_segments || (*read->max_segments >= 26 && *read->max_segments <= 13312),
         "max-segments");
    must(!read->state_dir || read->state_dir->starts_with('/'), "state-dir");
    (void)config::allows_device(*read, "/dev/sg0");
    (void)config::allows_file(*read, "/srv/a.img");
}

void entries(std::string_view text) {
    std::vector<std::string> list;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        list.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const auto parsed = toolstack::parse_vscsi(list);
    must(parsed.luns.size() + parsed.mistakes.size() >= list.size(), "an entry is lost");
    for (const auto& mistake : parsed.mistakes) {
        must(mistake.entry >= 1 && mistake.entry <= list.size(), "a mistake of no entry");
        must(!mistake.reason.empty() && !mistake.remedy.empty(), "a mistake without its remedy");
        must(harmless(to_string(mistake)), "a mistake that writes to the terminal");
    }
    for (const auto& lun : parsed.luns) {
        must(!lun.pdev_text.empty() && harmless(lun.pdev_text), "a PDEV that is none");
        must(config::parse_pdev(lun.pdev_text).has_value(), "a PDEV that the daemon won't take");
        must(lun.name.size() <= 64, "a name that is too long");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool toml = (input.take<std::uint8_t>() & 1) != 0;
    std::string text;
    for (const std::uint8_t byte : input.rest())
        text.push_back(static_cast<char>(byte));
    toml ? settings(text) : entries(text);
    return 0;
}
