// Mode pages (SPC-5 7.5): what MODE SENSE shows and MODE SELECT changes.
//
// Thread: the worker's. Made at set-up; nothing allocates afterwards.
#pragma once

#include "common/base/expected.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pvscsi::backend {

/// One page of page_0 format without subpages. Byte 0 is the page code, byte 1 the length.
struct ModePage {
    std::vector<std::uint8_t> initial;
    std::vector<std::uint8_t> changeable; ///< mask, bytes 0 and 1 are 0; may be shorter
};

class ModePages {
  public:
    enum class Control : std::uint8_t { current, changeable, initial, saved };

    ModePages() = default;
    explicit ModePages(std::vector<ModePage> pages);

    static constexpr std::uint8_t all_pages = 0x3f;
    static constexpr std::uint8_t all_subpages = 0xff;

    [[nodiscard]] bool has(std::uint8_t code) const noexcept;
    /// Writes the page, or all in ascending order, to `to`; the bytes that they have, which are
    /// cut at the end of `to`.
    std::size_t write(std::uint8_t code, Control control,
                      std::span<std::uint8_t> to) const noexcept;
    [[nodiscard]] bool bit(std::uint8_t code, unsigned byte, unsigned bit) const noexcept;

    /// What is wrong with a list of pages: the byte of it, or that it ends in the middle of one.
    struct Fault {
        std::size_t byte = 0;
        bool truncated = false;
    };
    /// Checks a MODE SELECT's list of pages as a whole, then takes it; nothing of a wrong one.
    Expected<void, Fault> select(std::span<const std::uint8_t> list) noexcept;
    void restore() noexcept;

  private:
    struct Page {
        ModePage spec;
        std::vector<std::uint8_t> current;
    };
    [[nodiscard]] const Page* find(std::uint8_t code) const noexcept;
    [[nodiscard]] Page* find(std::uint8_t code) noexcept;
    Expected<void, Fault> check(std::span<const std::uint8_t> list) const noexcept;
    static Expected<void, std::size_t> check_page(const Page& page,
                                                  std::span<const std::uint8_t> given) noexcept;

    std::vector<Page> pages_; ///< ascending
};

} // namespace pvscsi::backend
