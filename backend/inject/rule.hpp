// One fault that is injected: which commands it is for, and what happens to them (README.md has the
// text form).
//
// Thread: any. Errors: parse() says what is wrong and what would be right.
#pragma once

#include "common/base/expected.hpp"
#include "common/scsi/sense.hpp"
#include "common/scsi/status.hpp"
#include "ring/command.hpp"

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pvscsi::backend::inject {

inline constexpr std::size_t most_rules = 32; ///< of a LUN
inline constexpr std::chrono::milliseconds longest_delay{600'000};

struct Effect {
    std::chrono::milliseconds delay{0};
    bool drop = false;
    bool lost_abort = false;
    scsi::Sense sense;                  ///< empty: none
    std::optional<std::uint8_t> status; ///< SAM status
    std::optional<scsi::HostCode> host;
    std::uint32_t missing = 0; ///< bytes that are not moved

    /// The device does not see the command.
    [[nodiscard]] bool instead() const noexcept {
        return drop || host || (missing == 0 && (status || !sense.empty()));
    }
};

class Rule {
  public:
    static Expected<Rule, std::string> parse(std::string_view text);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] const Effect& effect() const noexcept { return effect_; }
    /// Whether it is for this command, as far as the command says.
    [[nodiscard]] bool fits(const ring::Cdb& cdb) const noexcept;
    [[nodiscard]] std::uint64_t skip() const noexcept { return skip_; }
    /// How often it happens at most.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Of 2^32.
    [[nodiscard]] std::uint64_t chance() const noexcept { return chance_; }

  private:
    friend class RuleParser;
    struct Blocks {
        std::uint64_t first, last;
    };

    std::string text_;
    std::bitset<256> opcodes_;
    std::optional<std::uint8_t> service_action_;
    std::optional<Blocks> blocks_;
    std::uint64_t skip_ = 0;
    std::uint64_t count_ = ~std::uint64_t{0};
    std::uint64_t chance_ = std::uint64_t{1} << 32;
    Effect effect_;
};

} // namespace pvscsi::backend::inject
