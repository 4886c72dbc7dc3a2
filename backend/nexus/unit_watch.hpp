// Whether the disk at an address is still the one that the guest was given. A LUN's number is a
// SAN administrator's to give: after a change of the mask another unit may answer there, and what
// the guest writes would destroy it. Doubt is cast
//
//   on a unit              by its unit attentions INQUIRY DATA HAS CHANGED (3F/03), DEVICE
//                          IDENTIFIER CHANGED (3F/05), a reset or nexus loss (29h); by LOGICAL UNIT
//                          NOT SUPPORTED (5/25/00)
//   on all of the target   by REPORTED LUNS DATA HAS CHANGED (3F/0E) of any of them: the one that
//                          is new at its number may say nothing
//
// and ended by VPD page 83h. Until then no command of the guest is given to the device, but for
// those that read nothing of the medium and report no unit attention; those that wait for their
// turn are taken back. What the device has already it keeps.
//
//   known -- doubt --> doubtful -- the same unit --> known
//                         |  ^  --- another one --> another, for good: no_connect
//                         v  |
//                        gone, or without an answer: 5/25/00, or the host code of the question;
//                        the next command has it asked again
//
// The command that has the unit asked is answered when the answer is there: what has cast doubt as
// the device has answered it, one that came later by what was found, BUSY if that is the same unit.
// Others are BUSY meanwhile. So a guest that waits for the answer to its last command notices
// nothing but the unit attention.
//
// Source: SPC-5 5.14, 7.7.6. Thread: as Target; the others at a target may be on other workers.
// Errors: on_failure says which unit is there, on_warning that there is none.
#pragma once

#include "backend/decorator.hpp"
#include "backend/nexus/own_command.hpp"

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace pvscsi::backend {

/// How often doubt was cast on all units of a target.
using TargetDoubts = std::shared_ptr<std::atomic<unsigned>>;
/// Of the target that the path of this sg node leads to. Any thread.
[[nodiscard]] TargetDoubts doubts_at(const std::string& node,
                                     const std::filesystem::path& sysfs = "/sys");

class UnitWatch final : public Decorator {
  public:
    /// `page`: VPD page 83h of the unit that the guest is given, with a designator of the unit's.
    /// `remedy`: what an administrator does about another one.
    UnitWatch(std::unique_ptr<Target> inner, std::vector<std::byte> page, TargetDoubts doubts,
              std::string remedy);

    void abort(Request& request) noexcept override;
    void keep_house() noexcept override;

  private:
    enum class State : std::uint8_t { known, doubtful, gone, unanswered, another };
    /// A command of the guest's at the unit, or on its way there.
    struct Passed {
        Request* request;
        bool aborted = false;    ///< by the guest
        bool taken_back = false; ///< if it is not at the device yet
    };
    /// What waits for the answer to the question.
    struct Kept {
        Request* request = nullptr;
        bool executed = false; ///< has its outcome
        bool aborted = false;
    };

    Verdict admit(Request& request) noexcept override;
    Verdict admit_data(Request& request) noexcept override;
    bool ended(Request& request) noexcept override;
    void dropped(Request& request) noexcept override { (void)forget(request); }

    [[nodiscard]] Verdict pass(Request& request) noexcept;
    Passed forget(const Request& request) noexcept;
    [[nodiscard]] Verdict refuse(Request& request) const noexcept;
    void heed_others() noexcept;
    [[nodiscard]] bool heed(const Request& request) noexcept;
    void doubt(State state) noexcept;
    [[nodiscard]] bool ask_for(Request& request, bool executed) noexcept;
    void ask() noexcept;
    void answered_with(const Outcome& outcome) noexcept;
    [[nodiscard]] State judge(const Outcome& outcome) const noexcept;
    void finish_kept() noexcept;

    const std::vector<std::byte> given_;
    const TargetDoubts doubts_;
    const std::string remedy_;
    unsigned seen_; ///< of the doubts
    State state_ = State::known;
    scsi::HostCode trouble_ = scsi::HostCode::ok; ///< of the question, while `unanswered`
    bool again_ = false; ///< doubt was cast while it was asked: it is to be asked once more
    bool warned_ = false;
    OwnCommand question_; ///< only while a command is kept
    Kept kept_;
    std::array<Passed, ring::ring_size> passed_{};
    std::size_t count_ = 0; ///< of them
};

} // namespace pvscsi::backend
