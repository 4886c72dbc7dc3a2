// A file, a logical volume, a partition or a block device as a medium; all data through the
// worker's io_uring.
//
// What another program or another LUN uses already is refused: an open file description lock on
// files and nodes (exclusive to write, shared to read), and O_EXCL on block devices, which keeps
// out what is mounted.
#pragma once

#include "backend/targets/medium.hpp"
#include "common/base/unique_fd.hpp"

#include <string>

namespace pvscsi::backend {

class Uring;

class BlockMedium final : public Medium {
  public:
    struct Options {
        bool read_only = false;
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
    bool refresh() noexcept override;

    /// Whether the host's page cache is bypassed.
    [[nodiscard]] bool direct() const noexcept { return direct_; }

  private:
    [[nodiscard]] bool queue(MediumOp& op) noexcept;

    UniqueFd fd_;
    MediumLimits limits_;
    bool direct_ = false;
    bool block_device_ = false;
    Uring* uring_ = nullptr;
};

} // namespace pvscsi::backend
