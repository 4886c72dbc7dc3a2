// A disk that grows while a guest has it. The device says so by a unit attention (6/2A/09) to
// whoever sends the next command; when that was this host's kernel, which looked again because an
// administrator or its driver asked for it, the guest would never hear of it. So the size that the
// kernel has is looked at now and then, and a guest that was not told it is told to look itself.
//
// Source: SBC-4 4.10 and 5.15; Linux, block/genhd.c (the attribute `size`, in 512 bytes).
// Thread: as Target. Errors: a size that can't be read has not changed.
#pragma once

#include "backend/decorator.hpp"

#include <filesystem>
#include <string>

namespace pvscsi::backend {

/// Where the kernel tells the size of the disk at an sg node; empty if it has no disk of the unit,
/// or one whose size is its present medium's.
[[nodiscard]] std::string fixed_size_attribute(const std::string& node,
                                               const std::filesystem::path& sysfs = "/sys");

class CapacityWatch final : public Decorator {
  public:
    /// `inner` is what keeps the guest's unit attentions; `size` the attribute of its disk.
    CapacityWatch(std::unique_ptr<Target> inner, std::string size);

    void keep_house() noexcept override;

  private:
    bool ended(Request& request) noexcept override;
    [[nodiscard]] std::uint64_t bytes_now() const noexcept;

    const std::string size_;
    std::uint64_t seen_;     ///< bytes, when it was looked at last; 0: none that could be read
    std::uint64_t told_ = 0; ///< bytes, by the last READ CAPACITY of the guest; 0: none yet
};

} // namespace pvscsi::backend
