#include "backend/targets/mode_pages.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace pvscsi::backend {

namespace {
constexpr std::uint8_t code_mask = 0x3f;
constexpr std::uint8_t subpage_format = 0x40;
} // namespace

ModePages::ModePages(std::vector<ModePage> pages) {
    for (ModePage& page : pages) {
        assert(page.initial.size() == page.initial[1] + 2u);
        page.changeable.resize(page.initial.size());
        page.changeable[0] = page.initial[0];
        page.changeable[1] = page.initial[1];
        pages_.push_back({page, page.initial});
    }
    std::ranges::sort(pages_, {}, [](const Page& page) { return page.current[0]; });
}

const ModePages::Page* ModePages::find(std::uint8_t code) const noexcept {
    const auto found = std::ranges::find(pages_, code, [](const Page& p) { return p.current[0]; });
    return found == pages_.end() ? nullptr : &*found;
}

ModePages::Page* ModePages::find(std::uint8_t code) noexcept {
    const auto found = std::ranges::find(pages_, code, [](const Page& p) { return p.current[0]; });
    return found == pages_.end() ? nullptr : &*found;
}

bool ModePages::has(std::uint8_t code) const noexcept {
    return code == all_pages || find(code);
}

std::size_t ModePages::write(std::uint8_t code, Control control,
                             std::span<std::uint8_t> to) const noexcept {
    std::size_t size = 0;
    for (const Page& page : pages_) {
        if (code != all_pages && code != page.current[0])
            continue;
        const auto& bytes = control == Control::current      ? page.current
                            : control == Control::changeable ? page.spec.changeable
                                                             : page.spec.initial;
        const std::size_t room = std::min(bytes.size(), to.size() - std::min(size, to.size()));
        std::copy_n(bytes.begin(), room, to.begin() + static_cast<std::ptrdiff_t>(size));
        size += room;
    }
    return size;
}

bool ModePages::bit(std::uint8_t code, unsigned byte, unsigned bit) const noexcept {
    const Page* page = find(code);
    return page && byte < page->current.size() && (page->current[byte] >> bit & 1) != 0;
}

Expected<void, std::size_t> ModePages::check_page(const Page& page,
                                                  std::span<const std::uint8_t> given) noexcept {
    for (std::size_t i = 2; i < given.size(); ++i)
        if (((given[i] ^ page.current[i]) & ~page.spec.changeable[i]) != 0)
            return unexpected(i);
    return {};
}

Expected<void, ModePages::Fault>
ModePages::check(std::span<const std::uint8_t> list) const noexcept {
    for (std::size_t at = 0; at < list.size();) {
        if (list.size() - at < 2)
            return unexpected(Fault{at, true});
        // The PS bit is reserved in MODE SELECT; initiators that send it back are forgiven.
        const Page* page = find(list[at] & code_mask);
        if (!page || (list[at] & subpage_format) != 0)
            return unexpected(Fault{at, false});
        if (list[at + 1] != page->current[1])
            return unexpected(Fault{at + 1, false});
        if (list.size() - at < page->current.size())
            return unexpected(Fault{at, true});
        if (const auto bad = check_page(*page, list.subspan(at, page->current.size())); !bad)
            return unexpected(Fault{at + bad.error(), false});
        at += page->current.size();
    }
    return {};
}

Expected<void, ModePages::Fault> ModePages::select(std::span<const std::uint8_t> list) noexcept {
    if (auto fault = check(list); !fault)
        return fault;
    for (std::size_t at = 0; at < list.size();) {
        Page& page = *find(list[at] & code_mask);
        const auto given = list.subspan(at, page.current.size());
        std::copy(given.begin() + 2, given.end(), page.current.begin() + 2);
        at += given.size();
    }
    return {};
}

void ModePages::restore() noexcept {
    for (Page& page : pages_)
        std::ranges::copy(page.spec.initial, page.current.begin());
}

} // namespace pvscsi::backend
