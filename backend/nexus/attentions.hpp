// Unit attention conditions of one I_T_L nexus that nobody has fetched (SAM-5 5.14), and what of a
// command has to do with them.
//
// Thread: whoever owns them. Errors: none. Nothing here allocates.
#pragma once

#include "common/scsi/condition.hpp"
#include "ring/command.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace pvscsi::backend {

struct Outcome;
class Request;

/// Each condition at most once, in the order in which they are to be reported: resets first, for
/// they say most (SAM-5 5.14.1), then what makes everything else look different.
class Attentions {
  public:
    /// More than a device has kinds; what matters least is lost when there are more.
    static constexpr std::size_t most = 16;

    /// One of them waits from now on. Of several resets only the most thorough is told.
    void add(const scsi::Condition& attention) noexcept;
    /// It has been told: also another reset than the one that waits.
    void remove(const scsi::Condition& attention) noexcept;
    /// The first, which does not wait any more; condition::none if there is none.
    scsi::Condition take() noexcept;
    [[nodiscard]] std::span<const scsi::Condition> all() const noexcept {
        return {waiting_.data(), count_};
    }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  private:
    void erase(std::size_t place) noexcept;

    std::array<scsi::Condition, most> waiting_{};
    std::size_t count_ = 0;
};

/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED and its more exact kin (29h/00h to 04h), after
/// which a unit has forgotten what it was told.
[[nodiscard]] bool is_reset(const scsi::Condition& attention) noexcept;

/// What a command does while a unit attention waits for its nexus (SAM-5 5.14.2, MMC-6 4.1.6.1).
enum class AttentionRule : std::uint8_t {
    reports, ///< it is not executed; CHECK CONDITION
    ignores, ///< it is executed, and the condition goes on waiting
    fetches, ///< REQUEST SENSE: the condition is its parameter data
};
[[nodiscard]] AttentionRule attention_rule(std::uint8_t device_type, const ring::Cdb& cdb) noexcept;
/// Answers a command that reports or fetches with `attention`, in the unit's place.
void answer_with(Request& request, const scsi::Condition& attention) noexcept;

/// A command of this opcode may give the other nexuses a unit attention. Cheap.
[[nodiscard]] bool may_cause_attention(std::uint8_t opcode) noexcept;
/// What the other nexuses of a unit of this type are told when `cdb` has ended well. The device has
/// seen one nexus in all of them, and says nothing to the one that the command came by.
[[nodiscard]] std::optional<scsi::Condition> attention_caused_by(std::uint8_t device_type,
                                                                 const ring::Cdb& cdb) noexcept;

/// The unit attention that this outcome of a device tells, as sense data or as what REQUEST SENSE
/// was answered with.
[[nodiscard]] std::optional<scsi::Condition> attention_told(const ring::Cdb& cdb,
                                                            const Outcome& outcome) noexcept;

} // namespace pvscsi::backend
