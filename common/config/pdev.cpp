#include "common/config/pdev.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace pvscsi::config {

namespace {

constexpr std::string_view known_forms = "/dev/NODE, file:PATH, iso:PATH, ram:SIZE or null:SIZE";
constexpr std::string_view size_form = "a size such as 64M or 1G (K, M, G, T are powers of 1024)";

tl::unexpected<Refusal> refuse(std::string reason, std::string_view remedy) {
    return unexpected(Refusal{std::move(reason), std::string(remedy)});
}

struct Scheme {
    std::string_view prefix;
    PdevKind kind;
};
constexpr std::array schemes{
    Scheme{"file:", PdevKind::file},
    Scheme{"iso:", PdevKind::iso},
    Scheme{"ram:", PdevKind::ram},
    Scheme{"null:", PdevKind::null},
};

/// Forms that xend, SUSE's xl and later versions know: refused as such, not as misspelt.
bool is_hctl(std::string_view text) {
    return std::count(text.begin(), text.end(), ':') == 3 &&
           text.find_first_not_of("0123456789:") == std::string_view::npos;
}

std::optional<std::string_view> foreign_form(std::string_view text) {
    if (is_hctl(text))
        return "a physical address h:c:t:l";
    if (text.starts_with("naa."))
        return "a unit by its name (naa.)";
    if (text.starts_with("iscsi:"))
        return "an iSCSI unit";
    if (text.starts_with("fc."))
        return "a Fibre Channel unit";
    return {};
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

Expected<Pdev, Refusal> with_path(PdevKind kind, std::string_view path) {
    if (path.empty())
        return refuse("the path is missing", "an absolute path after the colon");
    if (path.front() != '/')
        return refuse("the path is relative, and the daemon runs elsewhere",
                      "an absolute path, beginning with '/'");
    if (path.back() == '/')
        return refuse("the path names a directory", "the path of a file");
    return Pdev{kind, std::string(path), 0};
}

Expected<Pdev, Refusal> with_size(PdevKind kind, std::string_view text) {
    const auto size = parse_size(text);
    if (!size)
        return unexpected(size.error());
    return Pdev{kind, {}, *size};
}

unsigned shift_of(char suffix) {
    constexpr std::string_view suffixes = "KMGT";
    const auto upper = static_cast<char>(suffix & ~0x20);
    const auto at = suffixes.find(upper);
    return at == std::string_view::npos ? 0 : static_cast<unsigned>(10 * (at + 1));
}

} // namespace

std::string_view to_string(PdevKind kind) noexcept {
    switch (kind) {
    case PdevKind::device:
        return "device";
    case PdevKind::file:
        return "file";
    case PdevKind::iso:
        return "iso";
    case PdevKind::ram:
        return "ram";
    case PdevKind::null:
        return "null";
    }
    return "unknown";
}

Expected<std::uint64_t, Refusal> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty())
        return refuse("the size is missing", size_form);
    if (error == std::errc::result_out_of_range)
        return refuse("the size is too large", "a size of at most 4194304T");
    if (error != std::errc{} || end - stop > 1)
        return refuse("this is not a size", size_form);
    const unsigned shift = stop == end ? 0 : shift_of(*stop);
    if (stop != end && shift == 0)
        return refuse("the unit of the size is not known", size_form);
    if (number > (max_pdev_size >> shift))
        return refuse("the size is too large", "a size of at most 4194304T");
    const std::uint64_t bytes = number << shift;
    if (bytes == 0)
        return refuse("the size is zero", size_form);
    if (bytes % pdev_block_size != 0)
        return refuse("the size is not a multiple of 512", "a multiple of the block size, 512");
    return bytes;
}

Expected<Pdev, Refusal> parse_pdev(std::string_view text) {
    if (text.empty())
        return refuse("PDEV is missing", known_forms);
    if (has_control_character(text))
        return refuse("PDEV holds a control character", "printable characters only");
    if (text.starts_with("/dev/"))
        return with_path(PdevKind::device, text);
    for (const Scheme& scheme : schemes) {
        if (!text.starts_with(scheme.prefix))
            continue;
        text.remove_prefix(scheme.prefix.size());
        const bool sized = scheme.kind == PdevKind::ram || scheme.kind == PdevKind::null;
        return sized ? with_size(scheme.kind, text) : with_path(scheme.kind, text);
    }
    if (const auto form = foreign_form(text))
        return refuse(std::string(*form) + " is not supported by this version", known_forms);
    if (text.front() == '/')
        return refuse("a path outside /dev needs to say what it is",
                      "file:PATH for a disk, iso:PATH for a CD/DVD drive");
    return refuse("PDEV has no form that is known", known_forms);
}

} // namespace pvscsi::config
