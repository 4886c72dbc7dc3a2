// An emulated logical unit: what every device type has in common. The command sets derive from it
// (disk.hpp, cd.hpp) and bring a table of their commands; the bytes are in a Medium.
//
// Thread: the worker's after attach(). Errors: those of a command are its outcome.
#pragma once

#include "backend/target.hpp"
#include "backend/targets/command_row.hpp"
#include "backend/targets/mode_pages.hpp"
#include "backend/targets/task.hpp"
#include "backend/unit_memory.hpp"
#include "common/scsi/condition.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace pvscsi::backend {

/// Who a unit says it is.
struct UnitIdentity {
    std::string product; ///< at most 16 characters
    std::string serial;
    std::string name; ///< the administrator's; may be empty
};

class EmulatedUnit : public Target {
  public:
    ~EmulatedUnit() override;

    void remember_in(const std::string& path, bool inherited) final;
    void attach(Worker& worker) override;
    void detach() noexcept override;
    Step start(Request& request) noexcept final;
    Step resume(Request& request) noexcept final;
    void drop(Request& request) noexcept final;
    void abort(Request& request) noexcept final;
    void reset(std::function<void(bool success)> done) noexcept final;
    void keep_house() noexcept final;
    [[nodiscard]] std::uint8_t device_type() const noexcept final {
        return static_cast<std::uint8_t>(type_);
    }

    /// Sorted by opcode and service action.
    [[nodiscard]] std::span<const CommandRow> commands() const noexcept { return rows_; }

    static std::span<const CommandRow> common_commands() noexcept;

    // Handlers of common_commands(), and their stages.
    Step test_unit_ready(Request& request) noexcept;
    Step request_sense(Request& request) noexcept;
    Step inquiry(Request& request) noexcept;
    Step mode_sense(Request& request) noexcept;
    Step mode_select(Request& request) noexcept;
    Step reserve_release(Request& request) noexcept;
    Step send_diagnostic(Request& request) noexcept;
    Step log_sense(Request& request) noexcept;
    Step report_luns(Request& request) noexcept;
    Step report_supported_opcodes(Request& request) noexcept;
    Progress read_sync(Task& task) noexcept;
    Progress read_medium(Task& task) noexcept;
    Progress read_done(Task& task) noexcept;
    Progress mode_select_fetch(Task& task) noexcept;
    Progress mode_select_apply(Task& task) noexcept;

  protected:
    static constexpr std::size_t scratch_size = 64 * 1024;

    EmulatedUnit(scsi::DeviceType type, UnitIdentity identity, std::unique_ptr<Medium> medium,
                 std::span<const CommandRow> commands, ModePages mode_pages);

    // What differs between device types.
    [[nodiscard]] virtual bool removable() const noexcept { return false; }
    /// limits().bytes is another one.
    virtual void resized() noexcept {}
    [[nodiscard]] virtual std::uint8_t device_specific_parameter() const noexcept { return 0; }
    /// Version descriptor of the command set (SPC-5 table 148).
    [[nodiscard]] virtual std::uint16_t command_set_version() const noexcept = 0;
    /// Fills a VPD page of the device type's own; its length after the header, nothing if there
    /// is no such page. `body` is zeroed.
    virtual std::optional<std::size_t> vpd(std::uint8_t page,
                                           std::span<std::uint8_t> body) const noexcept;
    [[nodiscard]] virtual std::span<const std::uint8_t> own_vpd_pages() const noexcept {
        return {};
    }
    /// Mode parameter block descriptor; 0, 8 or 16 bytes.
    virtual std::size_t block_descriptor(bool long_lba, std::span<std::uint8_t> to) const noexcept;
    /// After a reset; the mode pages are at their initial values again.
    virtual void initial_state() noexcept {}
    /// MODE SELECT has changed mode pages.
    virtual void mode_changed() noexcept {}
    /// What else of its state must outlive this process, and taking it up from a predecessor; the
    /// mode pages are as they were there.
    [[nodiscard]] virtual std::uint8_t own_state() const noexcept { return 0; }
    virtual void take_own_state(std::uint8_t) noexcept {}
    /// To be called after each change of that.
    void remember() noexcept;

    /// Looks at the backing again. What the command that asks is to be answered with: the
    /// capacity has changed, the unit has failed; condition::none if all is as it was.
    scsi::Condition look_at_medium() noexcept;

    /// Why commands that need the medium fail; condition::none if they don't. Of a unit that has
    /// failed for good nothing but that.
    void set_readiness(const scsi::Condition& why) noexcept {
        if (!broken_)
            readiness_ = why;
    }
    [[nodiscard]] const scsi::Condition& readiness() const noexcept { return readiness_; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }
    /// Why commands that change the medium fail.
    void set_write_protection(const scsi::Condition& why) noexcept { write_protection_ = why; }
    [[nodiscard]] const scsi::Condition& write_protection() const noexcept {
        return write_protection_;
    }

    // Outcomes. Each ends with Step::done.
    static Step fail(Request& request, const scsi::Condition& condition) noexcept;
    static Step fail_field(Request& request, unsigned byte,
                           std::optional<unsigned> bit = {}) noexcept;
    static Step fail_parameter(Request& request, unsigned byte) noexcept;
    static Step fail_at(Request& request, const scsi::Condition& condition,
                        std::uint64_t information) noexcept;
    /// Zeroed memory for parameter data; empty if the queue has none.
    static std::span<std::uint8_t> parameter_data(Request& request, std::size_t size) noexcept;
    /// Data-in, cut at the allocation length.
    static Step answer(Request& request, std::span<const std::uint8_t> data,
                       std::size_t allocation_length) noexcept;

    // Tasks.
    /// Null if as many commands as there can be are in execution: the caller says TASK SET FULL.
    Task* begin(Request& request, Stage first) noexcept;
    static Step task_set_full(Request& request) noexcept;
    /// Runs stages until the task ends or has to wait.
    Step run(Task& task) noexcept;
    /// Asks for `size` bytes of data-out in slot memory; the next stage finds them in task.out.
    /// If the command has fewer, it fails with `too_short`.
    Progress fetch(Task& task, std::size_t size, Stage next,
                   const scsi::Condition& too_short) noexcept;
    /// Reads what the guest has room for. `sync_first`: what was written before is on the medium
    /// first (FUA, SBC-4 4.23).
    Step read_blocks(Request& request, const scsi::BlockRange& range, bool sync_first) noexcept;
    /// Asks for what task.exclusive, .writes and .needs_scratch say; false: return parked.
    bool enter(Task& task) noexcept;
    static Progress failed(Step) noexcept { return Progress::done; }
    [[nodiscard]] std::span<std::byte> scratch() noexcept { return scratch_; }
    void attention(const scsi::Condition& condition) noexcept;

    [[nodiscard]] Medium& medium() noexcept { return *medium_; }
    [[nodiscard]] const MediumLimits& limits() const noexcept { return medium_->limits(); }
    [[nodiscard]] ModePages& mode_pages() noexcept { return mode_pages_; }
    [[nodiscard]] const ModePages& mode_pages() const noexcept { return mode_pages_; }

  private:
    friend struct Task;
    static constexpr std::size_t task_count = 32; // a ring has 16 requests
    static constexpr std::size_t max_attentions = 4;

    [[nodiscard]] const CommandRow* find(const ring::Cdb& cdb) const noexcept;
    [[nodiscard]] std::optional<std::pair<unsigned, unsigned>>
    forbidden_bit(const CommandRow& row, const ring::Cdb& cdb) const noexcept;
    Step refuse(const CommandRow* row, Request& request) noexcept;
    Step start_checked(const CommandRow& row, Request& request) noexcept;
    void ended(Task& task) noexcept;
    void report_medium_error(Task& task) noexcept;
    Step fail_for_good(Request& request, MediumNews why) noexcept;
    void break_down(MediumNews why) noexcept;
    void release(Task& task) noexcept;
    void settle() noexcept;
    void settle_soon() noexcept;
    void end_stopped() noexcept;
    void unpark() noexcept;
    [[nodiscard]] bool recall(std::span<const std::uint8_t> state);
    void leave_line(unsigned place) noexcept;
    void finish_reset() noexcept;
    [[nodiscard]] bool at_work() const noexcept;
    Step standard_inquiry(Request& request, std::size_t allocation_length) noexcept;
    Step vpd_inquiry(Request& request, std::uint8_t page, std::size_t allocation_length) noexcept;
    std::optional<std::size_t> common_vpd(std::uint8_t page,
                                          std::span<std::uint8_t> body) const noexcept;

    scsi::DeviceType type_;
    UnitIdentity identity_;
    std::unique_ptr<Medium> medium_;
    std::vector<CommandRow> rows_;
    std::array<const CommandRow*, 256> by_opcode_{};
    ModePages mode_pages_;
    std::optional<UnitMemory> memory_;
    std::array<scsi::Condition, max_attentions> attentions_{};
    unsigned attention_count_ = 0;
    scsi::Condition readiness_;
    bool broken_ = false; ///< the medium is lost: nothing but a new opening helps
    scsi::Condition write_protection_;

    std::array<Task, task_count> tasks_;
    unsigned busy_ = 0;
    unsigned writers_ = 0;         ///< tasks in that only write
    Task* exclusive_ = nullptr;    ///< the one in that excludes writers
    Task* scratch_user_ = nullptr; ///< the one in that has the scratch memory
    std::array<Task*, task_count> parked_{};
    unsigned parked_count_ = 0;
    bool settling_ = false; ///< settle() is about to be done in any case
    bool settle_posted_ = false;
    boost::asio::io_context* context_ = nullptr;
    std::shared_ptr<EmulatedUnit*> self_; ///< what handlers hold, by a weak pointer
    std::span<std::byte> scratch_;
    std::vector<std::function<void(bool)>> reset_done_; ///< at most one for a slot of the ring
};

} // namespace pvscsi::backend
