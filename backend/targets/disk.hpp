// A direct access block device (SBC-3) over a Medium.
#pragma once

#include "backend/targets/unit.hpp"

namespace pvscsi::backend {

class Disk final : public EmulatedUnit {
  public:
    Disk(UnitIdentity identity, std::unique_ptr<Medium> medium, bool read_only);

    static std::span<const CommandRow> disk_commands() noexcept;

    // Handlers of disk_commands(), and their stages. disk_read_write.cpp:
    Step read(Request& request) noexcept;
    Step write(Request& request) noexcept;
    Progress write_fetch(Task& task) noexcept;
    Progress write_medium(Task& task) noexcept;
    Progress done(Task& task) noexcept;
    // disk_verify.cpp:
    Step verify(Request& request) noexcept;
    Step write_and_verify(Request& request) noexcept;
    Step pre_fetch(Request& request) noexcept;
    Progress verify_fetch(Task& task) noexcept;
    Progress verify_read(Task& task) noexcept;
    Progress verify_compare(Task& task) noexcept;
    Progress write_then_verify(Task& task) noexcept;
    Progress verify_written(Task& task) noexcept;
    // disk_atomic.cpp:
    Step compare_and_write(Request& request) noexcept;
    Step or_write(Request& request) noexcept;
    Progress atomic_fetch(Task& task) noexcept;
    Progress atomic_read(Task& task) noexcept;
    Progress compare_then_write(Task& task) noexcept;
    Progress or_then_write(Task& task) noexcept;
    // disk_provisioning.cpp:
    Step write_same(Request& request) noexcept;
    Step unmap(Request& request) noexcept;
    Progress same_fetch(Task& task) noexcept;
    Progress same_begin(Task& task) noexcept;
    Progress same_write(Task& task) noexcept;
    Progress discard_range(Task& task) noexcept;
    Progress unmap_fetch(Task& task) noexcept;
    Progress unmap_check(Task& task) noexcept;
    Progress unmap_next(Task& task) noexcept;
    // disk_control.cpp:
    Step read_capacity_10(Request& request) noexcept;
    Step read_capacity_16(Request& request) noexcept;
    Step synchronize_cache(Request& request) noexcept;
    Step start_stop_unit(Request& request) noexcept;
    Step prevent_allow(Request& request) noexcept;
    Progress sync_medium(Task& task) noexcept;

  private:
    [[nodiscard]] std::uint8_t device_specific_parameter() const noexcept override;
    [[nodiscard]] std::uint16_t command_set_version() const noexcept override;
    std::optional<std::size_t> vpd(std::uint8_t page,
                                   std::span<std::uint8_t> body) const noexcept override;
    [[nodiscard]] std::span<const std::uint8_t> own_vpd_pages() const noexcept override;
    std::size_t block_descriptor(bool long_lba, std::span<std::uint8_t> to) const noexcept override;
    void initial_state() noexcept override;
    void mode_changed() noexcept override;
    [[nodiscard]] std::uint8_t own_state() const noexcept override;
    void take_own_state(std::uint8_t state) noexcept override;

    void put_block_limits(std::span<std::uint8_t> body) const noexcept;
    void put_provisioning(std::span<std::uint8_t> body) const noexcept;

    [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
    void resized() noexcept override { blocks_ = limits().bytes >> shift_; }
    [[nodiscard]] std::uint64_t bytes(std::uint64_t blocks) const noexcept {
        return blocks << shift_;
    }
    [[nodiscard]] bool within(const scsi::BlockRange& range) const noexcept {
        return range.lba <= blocks() && range.blocks <= blocks() - range.lba;
    }
    /// For a range that is not within the disk, which may have another size by now.
    Step out_of_range(Request& request) noexcept;
    /// A task for the range that the CDB names; null: the outcome is set.
    Task* begin_range(Request& request, Stage first) noexcept;
    /// The largest piece, at most `size`, that the slot's memory has room for.
    static std::span<std::byte> pass_through(Request& request, std::size_t size) noexcept;
    [[nodiscard]] bool wants_durable(const Request& request) const noexcept;
    [[nodiscard]] std::uint64_t write_same_limit() const noexcept;
    [[nodiscard]] std::uint64_t unmap_limit() const noexcept;
    [[nodiscard]] unsigned atomic_limit() const noexcept;

    unsigned shift_; ///< log2 of the block size
    bool read_only_;
    bool write_cache_ = false;
    // What the fast paths look at, kept here to spare them the calls.
    std::uint64_t blocks_;
    std::span<std::byte> memory_;
    bool moves_nothing_;
};

} // namespace pvscsi::backend
