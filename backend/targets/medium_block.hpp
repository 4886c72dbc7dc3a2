// A file, a logical volume, a partition or a block device as a medium; all data through the
// worker's io_uring.
//
// What another program or another LUN uses already is refused: locks on files and nodes
// (backing_lock.hpp), and O_EXCL on block devices, which keeps out what is mounted. LUNs whose
// entries say exclusive=no share; nothing is kept here of what they read or write, so that each
// reads what the others have written.
//
// A regular file that somebody cuts short must not be grown again by a guest's write, with zeros
// where its data were. No flag of a write keeps the kernel from that, so the size is looked at
// before writes, once for all that go to the kernel together, and once more for all that come back
// together: what was written behind an end that moved meanwhile is not answered GOOD. What stays
// is a file cut within these microseconds whose very last block is written just then.
#pragma once

#include "backend/backing_lock.hpp"
#include "backend/targets/device_claim.hpp"
#include "backend/targets/medium.hpp"
#include "common/base/unique_fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pvscsi::backend {

class Uring;

class BlockMedium final : public Medium {
  public:
    struct Options {
        Sharing sharing;
        /// Logical block size; 0: 512 for a file, what a block device has.
        std::uint32_t block_size = 0;
        /// Past the host's page cache, where the backing can.
        bool direct = true;
    };
    /// Throws std::system_error or std::runtime_error, with the path.
    BlockMedium(const std::string& path, const Options& options);

    void attach(Worker& worker) override;
    [[nodiscard]] const MediumLimits& limits() const noexcept override { return limits_; }
    [[nodiscard]] bool submit(MediumOp& op) noexcept override;
    void progressed(MediumOp& op, int result) noexcept override;
    void cancel(MediumOp& op) noexcept override;
    MediumNews refresh() noexcept override;
    [[nodiscard]] std::string describe(MediumNews news) const override;

    /// Whether the host's page cache is bypassed.
    [[nodiscard]] bool direct() const noexcept { return direct_; }

  private:
    [[nodiscard]] bool queue(MediumOp& op) noexcept;
    /// MediumError::none if all of limits().bytes are there.
    [[nodiscard]] MediumError look() const noexcept;
    [[nodiscard]] MediumError before_writing() noexcept;
    [[nodiscard]] MediumError after_writing() noexcept;
    [[nodiscard]] MediumError failure_of(const MediumOp& op, int error) const noexcept;

    const std::string path_;
    std::unique_ptr<DeviceClaim> claim_; ///< let go of after the file
    std::vector<UniqueFd> other_ways_;   ///< the same
    UniqueFd fd_;
    MediumLimits limits_;
    bool direct_ = false;
    bool block_device_ = false;
    bool deletion_told_ = false;
    Uring* uring_ = nullptr;
    /// A look, and which of the io_uring's submissions or harvests it was for.
    struct Look {
        std::uint64_t turn = ~std::uint64_t{0};
        MediumError found = MediumError::none;
    };
    Look before_, after_;
};

} // namespace pvscsi::backend
