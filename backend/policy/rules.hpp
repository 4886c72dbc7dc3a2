// What a policy says of one command of one unit: whether the guest may send it, and whether it is
// well formed.
//
//   CDB -> row of the table -> class -> allowed?   else 5/20/00, or 5/24/00 with the field
//                           -> length and direction agree?          else 5/24/00 with the field
//   its parameter list      -> what of it is of another class?      else 5/26/00 with the field
//
// Thread: made on any, used on the unit's worker; nothing allocates after that. Errors: none.
#pragma once

#include "backend/policy/commands.hpp"
#include "common/scsi/sense.hpp"
#include "ring/command.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend::policy {

/// Of the unit that the rules are for.
struct Unit {
    std::uint8_t device_type = 0;
    /// Other guests have it, and nothing keeps their reservations apart.
    bool shared_nexus = false;
    /// The name it has of its own (VPD page 83h), as Linux writes it: "naa.5000c500a1b2c3d4".
    std::string name;
};

/// Why a command does not pass.
struct Objection {
    enum class Reason : std::uint8_t { not_allowed, malformed };
    Reason reason = Reason::not_allowed;
    CommandClass value = CommandClass::vendor; ///< what it would take, if it is not malformed
    scsi::Sense sense;
};

/// A part of a parameter list that needs a class of its own.
struct Finding {
    CommandClass value = CommandClass::vendor;
    std::uint16_t byte = 0; ///< of the list
};

class Rules {
  public:
    Rules(config::Policy policy, Unit unit);

    /// Nothing: it passes. `length`: bytes that the guest's segments hold.
    [[nodiscard]] std::optional<Objection> judge(const ring::Cdb& cdb, ring::Direction direction,
                                                 std::uint32_t length) const noexcept;
    /// The same for the data-out of a command that passed; private memory.
    [[nodiscard]] std::optional<Objection>
    judge_data(const ring::Cdb& cdb, std::span<const std::uint8_t> data) const noexcept;

    /// Null: it is not known for this type of device, or not with this service action.
    [[nodiscard]] const Row* find(const CdbBytes& cdb) const noexcept;
    [[nodiscard]] bool audits() const noexcept { return policy_.audit; }
    [[nodiscard]] const std::string& name() const noexcept { return policy_.name; }

  private:
    [[nodiscard]] std::span<const Row> rows_of(std::uint8_t opcode) const noexcept;
    [[nodiscard]] bool has_actions(std::uint8_t opcode) const noexcept;
    [[nodiscard]] bool allows(const Row* row, const CdbBytes& cdb) const noexcept;
    [[nodiscard]] Objection not_allowed(const Row* row, const CdbBytes& cdb) const noexcept;

    config::Policy policy_;
    const Unit unit_;
    std::uint8_t own_name_type_ = 0;     ///< SPC-5 table 594; set along with the next
    std::vector<std::uint8_t> own_name_; ///< the NAA or EUI-64 designator; empty: unknown
    std::vector<Row> rows_;              ///< of this type of device, by opcode
    std::array<std::uint16_t, 257> first_{};
};

/// form.cpp: a CDB whose length, or whose data's length or direction, is not what the opcode's
/// definition makes of it. `row` may be null.
[[nodiscard]] std::optional<scsi::Sense> malformation(const Row* row, const ring::Cdb& cdb,
                                                      ring::Direction direction,
                                                      std::uint32_t length) noexcept;

/// parameters.cpp: calls `take(Finding)` for each part that needs a class; false ends the search.
/// A list that ends too early is looked at as far as it goes: the device refuses it.
struct OwnName {
    std::span<const std::uint8_t> bytes;
    std::uint8_t type = 0;
};
class Findings {
  public:
    virtual bool take(const Finding& finding) noexcept = 0;

  protected:
    ~Findings() = default;
};
void look_at_parameters(Inspect what, const CdbBytes& cdb, std::span<const std::uint8_t> data,
                        const OwnName& own, Findings& findings) noexcept;

} // namespace pvscsi::backend::policy
