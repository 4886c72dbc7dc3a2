// What a policy refused, or would have, until somebody has time to log it: of fixed size, so that
// noting costs the way of I/O nothing and a guest can't make it grow.
//
// Thread: the unit's worker. Errors: none; what is too much is counted.
#pragma once

#include "backend/policy/rules.hpp"

#include <cstdint>

namespace pvscsi::backend::policy {

class Notes {
  public:
    /// Kinds of command that are told apart; further ones are only counted.
    static constexpr unsigned most = 8;

    void add(const CdbBytes& cdb, const Objection& objection, bool in_data) noexcept;
    [[nodiscard]] bool empty() const noexcept { return used_ == 0 && others_ == 0; }
    /// Calls `line(text)` for each kind of command, and forgets all. Allocates.
    template <class Line>
    void tell(const Rules& rules, Line line) {
        for (unsigned i = 0; i < used_; ++i)
            line(text(rules, list_[i]));
        if (others_ != 0)
            line(text_of_others(rules));
        used_ = 0;
        others_ = 0;
    }

  private:
    struct Note {
        CdbBytes cdb{}; ///< the first of them
        Objection::Reason reason{};
        CommandClass value{};
        bool in_data = false;
        std::uint64_t times = 0;
    };
    [[nodiscard]] static std::string text(const Rules& rules, const Note& note);
    [[nodiscard]] std::string text_of_others(const Rules& rules) const;

    std::array<Note, most> list_{};
    unsigned used_ = 0;
    std::uint64_t others_ = 0;
};

} // namespace pvscsi::backend::policy
